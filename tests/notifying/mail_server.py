"""A mail server on the loopback interface: it keeps what it takes, and refuses what a test names."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any


@dataclass
class MailServer:
    """refusals: address -> the reply to it, such as "550 no such person";  received: address and mail, in order"""

    refusals: dict[str, str] = field(default_factory=dict)
    greeting: str = "220 mail.example ready"
    received: list[tuple[str, EmailMessage]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def mails_to(self, address: str) -> list[EmailMessage]:
        return [mail for to, mail in self.received if to == address]


@contextmanager
def serving_mail(server: MailServer) -> Iterator[MailServer]:
    """The server at `server.port` for the time of the block."""
    listening = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _handler_of(server))
    listening.daemon_threads = True
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    server.port = listening.server_address[1]
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def _handler_of(server: MailServer) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        to = ""

        def handle(self) -> None:
            self._say(server.greeting)
            if not server.greeting.startswith("220"):
                return
            for line in self.rfile:
                command, _, rest = line.decode("ascii", "replace").strip().partition(" ")
                if command.upper() == "QUIT":
                    self._say("221 bye")
                    return
                self._answer(command.upper(), rest)

        def _answer(self, command: str, rest: str) -> None:
            if command == "RCPT":
                self.to = rest.partition("<")[2].partition(">")[0]
                server.asked.append(self.to)
                self._say(server.refusals.get(self.to, "250 ok"))
            elif command == "DATA":
                self._say("354 go on")
                self._take()
            else:
                self._say("250 ok")

        def _take(self) -> None:
            lines: list[bytes] = []
            for line in self.rfile:
                if line.rstrip(b"\r\n") == b".":
                    break
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            mail: Any = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
            server.received.append((self.to, mail))
            self._say("250 taken")

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    return Handler

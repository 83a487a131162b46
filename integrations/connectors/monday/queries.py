"""What monday is asked, in GraphQL. Queries only: a mutation would write.

`type` of a cell is not asked for: the columns of the board tell it, and `__typename` where the board is not shown.
"""

from __future__ import annotations

from typing import Any, Final

_ITEM: Final = """
id name state url created_at updated_at creator_id
board { id } group { id title } parent_item { id }
column_values {
  __typename id text value
  ... on StatusValue { is_done }
  ... on BoardRelationValue { linked_item_ids }
  ... on DependencyValue { linked_item_ids }
}
"""
_BOARD_ITEMS: Final = """
query ($board: [ID!], $limit: Int!, $params: ItemsQuery) {
  boards(ids: $board) { items_page(limit: $limit, query_params: $params) { cursor items { %s } } }
}
"""
_NEXT_ITEMS: Final = """
query ($cursor: String!, $limit: Int!) { next_items_page(cursor: $cursor, limit: $limit) { cursor items { %s } } }
"""
_UPDATE: Final = "id item_id creator_id created_at replies { id creator_id created_at }"

ME: Final = "query { me { id } }"
BOARDS: Final = """
query ($ids: [ID!], $limit: Int, $page: Int) {
  boards(ids: $ids, limit: $limit, page: $page) {
    id name type columns { id title type archived settings settings_str }
  }
}
"""
ITEMS: Final = _BOARD_ITEMS % _ITEM
ITEM_IDS: Final = _BOARD_ITEMS % "id"
ALL_ITEMS: Final = f"query ($limit: Int, $page: Int) {{ items(limit: $limit, page: $page) {{ {_ITEM} }} }}"
LOGS: Final = """
query ($board: [ID!], $since: ISO8601DateTime, $until: ISO8601DateTime, $limit: Int, $page: Int) {
  boards(ids: $board) {
    activity_logs(from: $since, to: $until, limit: $limit, page: $page) { id event data created_at user_id }
  }
}
"""
UPDATES: Final = f"""
query ($since: String, $limit: Int, $page: Int) {{
  updates(from_date: $since, limit: $limit, page: $page) {{ {_UPDATE} }}
}}
"""
BOARD_UPDATES: Final = f"""
query ($boards: [ID!], $since: ISO8601DateTime, $limit: Int, $page: Int) {{
  boards(ids: $boards) {{ updates(from_date: $since, limit: $limit, page: $page) {{ {_UPDATE} }} }}
}}
"""


def _ordered(column_id: str, direction: str) -> dict[str, Any]:
    return {"order_by": [{"column_id": column_id, "direction": direction}]}


BY_CREATION: Final = _ordered("__creation_log__", "asc")
NEWEST_FIRST: Final = _ordered("__last_updated__", "desc")


def next_page(query: str) -> str:
    """The query that goes on behind a cursor of `ITEMS` or `ITEM_IDS`."""
    return _NEXT_ITEMS % (_ITEM if query == ITEMS else "id")

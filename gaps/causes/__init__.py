"""Why a gap is there: candidate causes that are tested, and the weekly measures they are tested on. Pure."""

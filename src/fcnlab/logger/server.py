"""Whether a server answers at all: loggers' own clients would ask it again and again for minutes, without a word."""

import http.client
import urllib.error
import urllib.request

LIMIT = 5  # seconds
HINT = "Set logger=csv, or logger=none: history.csv has the scores of every epoch all the same."


def why_unreachable(address: str) -> str:
    """What is wrong with a server that takes no runs, in words; empty where it answers, be it with a refusal."""
    try:
        urllib.request.urlopen(address, timeout=LIMIT).close()
    except urllib.error.HTTPError as error:
        return f"{address} answers {error.code} {error.reason}" if error.code >= 500 else ""
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"{address} cannot be reached ({error})"
    return ""

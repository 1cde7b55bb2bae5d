"""The work of the images `job:...` and `app:crash`: some seconds of it, and then an end with a code.

job.py SECONDS CODE FIRST-LINE LAST-LINE
"""

from __future__ import annotations

import sys
import time


def main() -> int:
    seconds, code, first, last = sys.argv[1:]
    print(first, flush=True)
    time.sleep(float(seconds))
    print(last, flush=True)
    return int(code)


if __name__ == "__main__":
    sys.exit(main())

"""Runs `okube-api bench` from a checkout, with the same options."""

import sys

from okube_api.cli import main

if __name__ == "__main__":
    sys.argv[1:1] = ["bench"]
    main()

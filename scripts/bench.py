"""The benchmarks from a checkout: the same as `okube-api bench`, whose options it takes."""

import sys

from okube_api.cli import main

if __name__ == "__main__":
    sys.argv[1:1] = ["bench"]
    main()

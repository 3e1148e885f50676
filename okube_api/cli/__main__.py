"""Entry point of `python -m okube_api.cli`."""

from okube_api.cli import main

main()

"""Entry point of the command `okube-api`, and of `python -m okube_api`."""

import sys


def main() -> None:
    """Run the command line; say what to install where only the client is."""
    try:
        from okube_api.cli import main as run_command_line  # noqa: PLC0415 - fails in a light installation

        run_command_line()
    except KeyboardInterrupt:  # while the command line is imported; commands say so themselves
        sys.stderr.write("okube-api: interrupted.\n")
        sys.exit(130)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "okube_api":
            raise
        sys.exit(
            f"The command okube-api needs {error.name}, which is not installed. Install the server with its command "
            "line: pip install 'okube-api[server]'"
        )


if __name__ == "__main__":
    main()

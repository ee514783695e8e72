"""``python -m hal``: the guard process, and ``python -m hal safe-outputs`` for whoever comes after it."""

import sys


def main(arguments: list[str]) -> int:
    """Run what *arguments* ask for; returns the exit status."""
    if arguments[:1] == ["safe-outputs"]:
        # Whatever else is broken, this must run: it brings nothing of the guard with it.
        from hal.safe_outputs import main as safe_outputs

        return safe_outputs(arguments[1:])
    from hal.process import main as guard

    return guard(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

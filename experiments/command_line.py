"""What the command lines of this folder share."""

import argparse
from pathlib import Path


class OneLineParser(argparse.ArgumentParser):
    """argparse whose errors are one line that names what is valid, exit code 2; options are never abbreviated."""

    def __init__(self, prog: str, description: str, **options):
        super().__init__(
            prog=prog,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **options,
        )

    def error(self, message: str) -> None:
        """Prints the message as one line and exits."""
        self.exit(2, f"{self.prog}: {message}\n")

    def parse_args(self, args=None, namespace=None):
        """As argparse, but an unknown option is answered with the known ones."""
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            known = sorted(option for action in self._actions for option in action.option_strings)
            self.error(f"unknown option {unknown[0]}; known: {', '.join(known)}")
        return found


def add_evidence_options(parser: argparse.ArgumentParser) -> None:
    """Options of commands that finish a run: where to pack it, and how."""
    parser.add_argument(
        "--evidence",
        type=Path,
        metavar="FOLDER",
        default=None,
        help="pack the finished ensemble into a file in this folder",
    )
    parser.add_argument(
        "--evidence-without-weights",
        action="store_true",
        default=False,
        help="pack only the SHA-256 of the weights, not the weights",
    )

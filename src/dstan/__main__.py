"""``python -m dstan`` is ``dstan``."""

from dstan.cli import main

if __name__ == "__main__":
    main()

"""``python -m pyollama`` is ``pyollama``."""

from pyollama.cli.main import main

if __name__ == "__main__":
    main()

"""python -m mrtoct: the same as the command."""

from mrtoct.cli.app import main

if __name__ == "__main__":
    main()

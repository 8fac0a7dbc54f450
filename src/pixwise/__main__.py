"""`python -m pixwise`: the command, where its folder is not on the PATH."""

from pixwise.cli import main

if __name__ == "__main__":
    main()

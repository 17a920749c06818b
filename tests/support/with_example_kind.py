"""`python -m support.with_example_kind ARG…`: `rostersync ARG…` of a product that has the example kind."""

from rostersync.__main__ import main
from support.example_kind import register

if __name__ == "__main__":
    register()
    main()

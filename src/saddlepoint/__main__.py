"""python -m saddlepoint: the same as `saddle`."""

from saddlepoint.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())

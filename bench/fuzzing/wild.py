"""Values that nobody expects: texts, numbers, paths and pieces of JSON."""

from __future__ import annotations

from random import Random

OSC = "\x1b]0;pwned\x07"
"""Sets the title of a terminal that gets it raw."""
TEXTS = (
    "",
    " ",
    "-",
    "--",
    "é",
    "名前",
    "\u202etxt",
    "a" * 300,
    "a" * 5000,
    "\udcff\udcfe",
    OSC,
    "\x1b[31mred",
    "bell\x07",
    "two\nlines",
    "\r",
    "[bold]x[/bold]",
    "[/]",
    "%s%n{0}",
    "../..",
    "None",
    "nan",
    "true",
)
NUMBERS = (
    "0",
    "-0",
    "-1",
    "-99999999999",
    "1.5",
    "0.0000001",
    "1e-320",
    "1e308",
    "1e999",
    "-1e999",
    "nan",
    "inf",
    "-inf",
    "1_000",
    "0x10",
    "١٢",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "9" * 400,
    "9" * 5000,
    "1,5",
    "1e",
    "",
    " 7",
    "+5",
    "seven",
)
PATHS = (
    "",
    ".",
    "..",
    "/",
    "~nouser/x",
    "~",
    "a" * 300,
    "/".join(["d" * 200] * 30),
    "\udcff",
    OSC,
    f"{OSC}.png",
    "no/such/folder/x.png",
    "precious.txt",
    "precious.txt/x.png",
    "pictures",
    "link",
    "loop",
    *("fifo", "fifo.png", "fifo.npz", "fifo.html"),
    *("node", "node.png", "node.npz", "node.html", "node.gif"),
    *("full.d", "full.png", "full.npz", "full.html"),
    *("link.png", "link.html"),
    "/dev/null",
    "/dev/full",
    "/dev/stdout",
    "/dev/fd/1",
    "/dev/null/x.png",
    "/proc/self/mem",
    "/proc/self/x.png",
    "/etc/passwd",
    "/etc/x.png",
    "run/config.json",
    "run/metrics.jsonl",
    "run",
    "x.PNG",
    ".png",
    "x.pickle",
    "x.jpg",
    "x",
    "x/",
    "./x.html",
    "two\nlines.png",
    "set.npz",
    "ema.safetensors",
    "empty",
)
"""Some exist in the world: none of them may be harmed by being named as an output."""
JSON = {
    "null": "null",
    "true": "true",
    "zero": "0",
    "minus": "-1",
    "half": "0.5",
    "text": '"x"',
    "empty text": '""',
    "list": "[]",
    "object": "{}",
    "nested": '[{"a": [null]}]',
    "nan": "NaN",
    "infinity": "Infinity",
    "minus infinity": "-Infinity",
    "overflow": "1e999",
    "large": "1e308",
    "2**53+1": "9007199254740993",
    "2**63": "9223372036854775808",
    "2**64": "18446744073709551616",
    "-2**64": "-18446744073709551616",
    "400 digits": "9" * 400,
    "5000 digits": "9" * 5000,
    "deep": "[" * 100_000 + "]" * 100_000,
    "deep object": '{"a":' * 5_000 + "1" + "}" * 5_000,
    "long text": '"' + "x" * 1_000_000 + '"',
    "surrogate": '"\\ud800"',
    "nul": '"a\\u0000b"',
    "escape": '"\\u001b]0;pwned\\u0007"',
    "markup": '"[bold]x[/bold] <script>alert(1)</script>"',
    "path": '"../../../etc/passwd"',
    "torn": '"',
    "many": "[" + "0," * 200_000 + "0]",
}
"""Name -> text of a value; a case carries the name."""
DOCUMENTS = {
    "empty": b"",
    "space": b" \n",
    "nul": b"\0" * 64,
    "bom": b"\xef\xbb\xbf{}",
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "latin-1": b'{"a": "\xe9"}',
    "list": b"[]\n",
    "null": b"null\n",
    "number": b"7\n",
    "text": b'"x"\n',
    "true": b"true\n",
    "object": b"{}\n",
    "two": b"{}{}\n",
    "torn": b'{"a": ',
    "nan": b"NaN\n",
    "deep": b"[" * 200_000,
    "digits": b"9" * 10_000,
    "binary": bytes(range(256)),
    "pickle": b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00C\x01a\x94.",
    "html": b"<!doctype html><title>404</title>",
}


def text(draw: Random) -> str:
    return draw.choice(TEXTS)


def number(draw: Random) -> str:
    return draw.choice(NUMBERS)


def path(draw: Random) -> str:
    return draw.choice(PATHS)


def value(draw: Random) -> str:
    """Of any of the kinds."""
    return draw.choice((text, number, path))(draw)

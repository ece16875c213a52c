#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a manual page of its scdoc source.

usage: page.py SCDOC SOURCE OUTPUT [NAME=VALUE...]

In the source @NAME@ stands for VALUE. A line "; include FILE" of the source stands for that file,
which lies below the folder of this script: what several pages say is written once. In what scdoc
makes, paragraph macros at which a formatter only shakes its head are left out, and the title is in
capitals, as titles are. A page with a table says in its first line that tbl makes it.
"""

import os
import re
import subprocess
import sys
import textwrap

HERE = os.path.dirname(os.path.abspath(__file__))
INCLUDE = re.compile(r"^; include (\S+)$", re.M)


def read(path):
    """The source at path with all that it includes."""
    with open(path, encoding="utf-8") as file:
        return INCLUDE.sub(lambda match: read(os.path.join(HERE, match[1])).rstrip("\n"),
                           file.read())


def wrap(line):
    """A line of filled text as lines of at most 80 characters."""
    if line.startswith((".", "'")) or len(line) <= 80:
        return [line]
    lines = textwrap.wrap(line, 80, break_long_words=False, break_on_hyphens=False)
    # At the start of a line these would be a macro.
    return ["\\&" + part if part.startswith((".", "'")) else part for part in lines]


def tidy(roff):
    """roff without empty paragraphs and with lines of a usual length."""
    lines = []
    filled = True
    for line in roff.splitlines():
        if line.startswith(".TH "):
            name = re.match(r'\.TH "([^"]*)"', line)[1]
            line = line.replace(name, name.upper(), 1)
        if line in (".nf", ".fi"):
            filled = line == ".fi"
        if line == ".P" and lines[-1].startswith((".TH", ".SH", ".SS", ".P")):
            continue
        if line.startswith((".SH ", ".SS ", ".RS", ".RE")) and lines[-1] == ".P":
            lines.pop()
        lines += wrap(line) if filled else [line]
        if line == ".RE":
            lines.append(".P")
    while lines[-1] == ".P":
        lines.pop()
    if ".TS" in lines:
        lines.insert(0, "'\\\" t")
    return "\n".join(lines) + "\n"


def main(scdoc, source, output, *values):
    text = read(source)
    for name, _, value in (word.partition("=") for word in values):
        text = text.replace(f"@{name}@", value)
    made = subprocess.run([scdoc], input=text, stdout=subprocess.PIPE, encoding="utf-8",
                          check=False)
    if made.returncode != 0:
        sys.exit(f"{source}: scdoc does not take it")
    with open(output, "w", encoding="utf-8") as file:
        file.write(tidy(made.stdout))


if __name__ == "__main__":
    main(*sys.argv[1:])

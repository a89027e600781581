#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads text; exits with 1, telling them, if lines are wider than the terminal; a path alone on its line is whole.

usage: ... | wide.py [COLUMNS]"""
import sys

most = int(sys.argv[1]) if len(sys.argv) > 1 else 80
lines = sys.stdin.buffer.read().decode().splitlines()
bad = [line for line in lines if len(line) > most and (" " in line.strip() or "/" not in line)]
for line in bad:
    print(f"{len(line)} columns: {line}")
sys.exit(1 if bad or not lines else 0)

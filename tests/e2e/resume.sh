#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Training killed at random moments and resumed ends with the same bits. Usage: resume.sh WHET [KILLS [SEED]]
exec python3 "$(dirname "$0")/resume.py" "$@"

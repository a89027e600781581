/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WHET_CLI_BAR_H
#define WHET_CLI_BAR_H

#include "cmd.h"

/* Takes the progress bar off the terminal, so that a line can be printed. */
void bar_clear(cli *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Attention as a layer. */
#include "formats/keras/keras_writer.h"

whet_status keras_write_attention(keras_writer *w, const whet_node *n)
{
    (void)w;
    return keras_refuse(n, "x");
}

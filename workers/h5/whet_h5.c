/* SPDX-License-Identifier: Apache-2.0 */
/* whet-h5: reads or writes one HDF5 file for its parent (src/wire/hdf5_worker.c) and is gone.
 *
 *   whet-h5 read|write DATA MEMORY SECONDS      0: what is read, 1: what is written, 2: one line if it fails
 *
 * The line is a letter (F damaged, U not supported, M memory, I input or output) and a text. */
#include "whet_h5.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
/* libhdf5's crashes are expected and end the worker by their signal, as in other builds; faults in our code are still told. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_abort=0"; }
#endif

typedef struct inner { char text[300]; } inner;

static herr_t take_innermost(unsigned n, const H5E_error2_t *e, void *arg)
{
    inner *i = arg;
    if (n == 0 && e->desc != NULL) snprintf(i->text, sizeof i->text, "%s", e->desc);
    return 0;
}

whet_status h5_fail(whet_status status, const char *what)
{
    inner i = {.text = "no reason given"};
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_innermost, &i);
    return WHET_FAIL(status, "%s: %s", what, i.text);
}

static hid_t make_float(size_t size, size_t sign, size_t exponent, size_t exponent_bits, size_t mantissa_bits, size_t bias)
{
    const hid_t t = H5Tcopy(H5T_IEEE_F32LE);
    if (t < 0 || H5Tset_fields(t, sign, exponent, exponent_bits, 0, mantissa_bits) < 0 || H5Tset_size(t, size) < 0 || H5Tset_ebias(t, bias) < 0) return -1;
    return t;
}

hid_t h5_type(char type, int size)
{
    const hid_t standard[] = {H5T_STD_I8LE, H5T_STD_I16LE, H5T_STD_I32LE, H5T_STD_I64LE, H5T_STD_U8LE, H5T_STD_U16LE, H5T_STD_U32LE, H5T_STD_U64LE};
    const int step = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
    if (type == 'f' && size == 2) return make_float(2, 15, 10, 5, 10, 15);
    if (type == 'f') return H5Tcopy(size == 4 ? H5T_IEEE_F32LE : H5T_IEEE_F64LE);
    if (type == 'g') return H5Tcreate(H5T_OPAQUE, 2);
    if (type == 'i') return H5Tcopy(standard[step]);
    if (type == 'u') return H5Tcopy(standard[4 + step]);
    if (type == 'b') return H5Tcopy(H5T_STD_I8LE);
    return -1;
}

hid_t h5_text_type(void)
{
    const hid_t t = H5Tcopy(H5T_C_S1);
    if (t < 0 || H5Tset_size(t, H5T_VARIABLE) < 0 || H5Tset_cset(t, H5T_CSET_UTF8) < 0) return -1;
    return t;
}

static int say(whet_status status)
{
    static const struct { whet_status status; char letter; int code; } kinds[] = {
        {WHET_EUNSUPPORTED, 'U', 3}, {WHET_ENOMEM, 'M', 4}, {WHET_EIO, 'I', 5}};
    char letter = 'F';
    int code = 2;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].status == status) letter = kinds[i].letter, code = kinds[i].code;
    dprintf(2, "%c %s\n", letter, whet_error_last()->text);
    return code;
}

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 10);
}

int main(int argc, char **argv)
{
    int code = 0;
    if (argc != 5 || (strcmp(argv[1], "read") != 0 && strcmp(argv[1], "write") != 0)) {
        dprintf(2, "U whet-h5 is started by whet, not by hand\n");
        return 3;
    }
    for (int fd = 3; fd < 1024; fd++) close(fd);
    whet_status status = h5_limit(number(argv[2]), number(argv[3]), number(argv[4]));
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if (status == WHET_OK && (H5open() < 0 || H5PLset_loading_state(0) < 0)) status = h5_fail(WHET_EIO, "libhdf5 cannot be started"); /* 0: no filter is loaded from anywhere */
    h5_confine();
    if (status == WHET_OK) status = argv[1][0] == 'r' ? h5_read(number(argv[2])) : h5_write();
    if (status != WHET_OK) code = say(status);
    _exit(code); /* without libhdf5's clean-up, whose input may be damaged */
}

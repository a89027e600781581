/* SPDX-License-Identifier: Apache-2.0 */
/* JPEG over libjpeg(-turbo), with its default slow-but-accurate integer IDCT and smooth chroma upsampling (what Pillow and
 * OpenCV use). Data that the library would only warn about and fill with grey (a truncated file, a bad code) is an error
 * here: a half-grey picture must not count as data. CMYK files are inverted, as every known writer writes them.
 *
 * libjpeg reports errors by calling error_exit, which must not return: it jumps back into decode(). Everything that
 * lives across the jump is in struct job, which decode() gets by pointer. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "base/mem.h"
#include "image/decode.h"

enum { MAX_SCANS = 500 }; /* a progressive file may state thousands of empty scans over a huge picture */

struct job {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr err;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    char text[JMSG_LENGTH_MAX];
    whet_image *out;
    uint8_t *row; /* one CMYK row */
};

static void error_exit(j_common_ptr c)
{
    struct job *j = c->client_data;

    c->err->format_message(c, j->text);
    longjmp(j->jump, 1);
}

static void emit_message(j_common_ptr c, int level)
{
    int code = c->err->msg_code;

    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE)) error_exit(c);
}

static void output_message(j_common_ptr c) { (void)c; }

static void watch(j_common_ptr c)
{
    struct job *j = c->client_data;

    if (j->cinfo.input_scan_number > MAX_SCANS) {
        snprintf(j->text, sizeof j->text, "more than %d scans", MAX_SCANS);
        longjmp(j->jump, 1);
    }
}

static int multiply_255(int a, int b)
{
    int t = a * b + 128;

    return ((t >> 8) + t) >> 8;
}

/* In: inverted CMYK, i.e. 255 - ink. */
static void cmyk_row(uint8_t *dst, const uint8_t *src, int width)
{
    for (int x = 0; x < width; x++)
        for (int c = 0; c < 3; c++)
            dst[3 * x + c] = (uint8_t)(src[4 * x + 3] - multiply_255(255 - src[4 * x + c], src[4 * x + 3]));
}

static int find_orientation(const struct jpeg_decompress_struct *cinfo)
{
    for (jpeg_saved_marker_ptr m = cinfo->marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 && memcmp(m->data, "Exif\0\0", 6) == 0)
            return whet_exif_orientation(m->data + 6, m->data_length - 6);
    return 1;
}

static whet_status decode(struct job *j, const uint8_t *data, size_t size, int want, int *orientation)
{
    struct jpeg_decompress_struct *c = &j->cinfo;
    size_t stride = 0;

    if (setjmp(j->jump)) return WHET_FAIL(WHET_EFORMAT, "JPEG is damaged: %s", j->text);
    jpeg_create_decompress(c);
    jpeg_save_markers(c, JPEG_APP0 + 1, 0xffff);
    jpeg_mem_src(c, data, (unsigned long)size);
    jpeg_read_header(c, TRUE);
    WHET_TRY(whet_image_check_size("JPEG", c->image_width, c->image_height));
    *orientation = find_orientation(c);
    c->progress = &j->progress;
    if (c->num_components == 1 || (want == 1 && c->jpeg_color_space == JCS_GRAYSCALE))
        c->out_color_space = JCS_GRAYSCALE;
    else if (c->num_components == 4)
        c->out_color_space = JCS_CMYK;
    else
        c->out_color_space = JCS_RGB;
    jpeg_start_decompress(c);
    WHET_TRY(whet_image_alloc(j->out, (int)c->output_width, (int)c->output_height,
                              c->out_color_space == JCS_GRAYSCALE ? 1 : 3));
    if (c->out_color_space == JCS_CMYK) {
        j->row = whet_alloc((size_t)c->output_width * 4);
        if (!j->row) return WHET_ENOMEM;
    }
    stride = (size_t)j->out->width * (size_t)j->out->channels;
    while (c->output_scanline < c->output_height) {
        uint8_t *to = j->out->data + c->output_scanline * stride;
        JSAMPROW row = j->row ? j->row : to;
        jpeg_read_scanlines(c, &row, 1);
        if (j->row) cmyk_row(to, j->row, j->out->width);
    }
    jpeg_finish_decompress(c);
    return WHET_OK;
}

whet_status whet_decode_jpeg(whet_image *out, const uint8_t *data, size_t size, int want, int *orientation)
{
    struct job j;
    whet_status status = WHET_OK;

    memset(&j, 0, sizeof j);
    j.out = out;
    j.cinfo.err = jpeg_std_error(&j.err);
    j.cinfo.client_data = &j;
    j.err.error_exit = error_exit;
    j.err.emit_message = emit_message;
    j.err.output_message = output_message;
    j.progress.progress_monitor = watch;
    status = decode(&j, data, size, want, orientation);
    jpeg_destroy_decompress(&j.cinfo);
    whet_free(j.row);
    if (status != WHET_OK) whet_image_dispose(out);
    return status;
}

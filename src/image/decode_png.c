/* SPDX-License-Identifier: Apache-2.0 */
/* PNG over libpng: palettes and small depths expanded, 16 bit scaled by 1/257 with rounding, alpha dropped (not
 * blended), gamma and colour profiles left alone, as the common image libraries do. Also the writer.
 *
 * libpng's error function must not return: it jumps. What lives across the jump is in struct job. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <png.h>

#include "base/io.h"
#include "base/mem.h"
#include "image/decode.h"

struct job {
    png_structp png;
    png_infop info;
    jmp_buf jump;
    char text[160];
    const uint8_t *data;
    size_t size, at;
    png_bytep *rows;
    int channels;
    whet_image *out;
    whet_strbuf *sink;
};

static void on_error(png_structp png, png_const_charp text)
{
    struct job *j = png_get_error_ptr(png);

    snprintf(j->text, sizeof j->text, "%s", text);
    longjmp(j->jump, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void on_read(png_structp png, png_bytep to, size_t n)
{
    struct job *j = png_get_io_ptr(png);

    if (n > j->size - j->at) png_error(png, "the file ends early");
    memcpy(to, j->data + j->at, n);
    j->at += n;
}

static whet_status make_rows(struct job *j)
{
    size_t stride = (size_t)j->out->width * (size_t)j->out->channels;

    j->rows = whet_calloc((size_t)j->out->height, sizeof *j->rows);
    if (!j->rows) return WHET_ENOMEM;
    for (int y = 0; y < j->out->height; y++) j->rows[y] = j->out->data + (size_t)y * stride;
    return WHET_OK;
}

static whet_status decode(struct job *j)
{
    png_uint_32 w = 0, h = 0;
    int depth = 0, color = 0;

    if (setjmp(j->jump)) {
        whet_fail(WHET_EFORMAT, "PNG is damaged: %s", j->text);
        whet_error_at_offset((int64_t)j->at);
        return WHET_EFORMAT;
    }
    j->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, j, on_error, on_warning);
    if (j->png) j->info = png_create_info_struct(j->png);
    if (!j->info) return WHET_FAIL(WHET_ENOMEM, "no memory for the PNG reader");
    png_set_user_limits(j->png, WHET_IMAGE_MAX_SIDE, WHET_IMAGE_MAX_SIDE);
    png_set_chunk_malloc_max(j->png, 64 << 20);
    png_set_chunk_cache_max(j->png, 256);
    png_set_read_fn(j->png, j, on_read);
    png_read_info(j->png, j->info);
    png_get_IHDR(j->png, j->info, &w, &h, &depth, &color, NULL, NULL, NULL);
    WHET_TRY(whet_image_check_size("PNG", w, h));
    j->channels = color == PNG_COLOR_TYPE_GRAY || color == PNG_COLOR_TYPE_GRAY_ALPHA ? 1 : 3;
    if (depth == 16) png_set_scale_16(j->png);
    if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(j->png);
    if (color == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(j->png);
    if ((color & PNG_COLOR_MASK_ALPHA) || png_get_valid(j->png, j->info, PNG_INFO_tRNS)) png_set_strip_alpha(j->png);
    png_set_interlace_handling(j->png);
    png_read_update_info(j->png, j->info);
    if (png_get_rowbytes(j->png, j->info) != (size_t)w * (size_t)j->channels)
        return WHET_FAIL(WHET_EUNSUPPORTED, "PNG with colour type %d and depth %d is not handled", color, depth);
    WHET_TRY(whet_image_alloc(j->out, (int)w, (int)h, j->channels));
    WHET_TRY(make_rows(j));
    png_read_image(j->png, j->rows);
    png_read_end(j->png, NULL);
    return WHET_OK;
}

whet_status whet_decode_png(whet_image *out, const uint8_t *data, size_t size)
{
    struct job j;
    whet_status status = WHET_OK;

    memset(&j, 0, sizeof j);
    j.out = out;
    j.data = data;
    j.size = size;
    status = decode(&j);
    png_destroy_read_struct(&j.png, &j.info, NULL);
    whet_free(j.rows);
    if (status != WHET_OK) whet_image_dispose(out);
    return status;
}

static void on_write(png_structp png, png_bytep data, size_t n)
{
    struct job *j = png_get_io_ptr(png);

    whet_strbuf_add(j->sink, data, n);
    if (j->sink->failed) png_error(png, "no memory");
}

static void on_flush(png_structp png) { (void)png; }

static whet_status encode(struct job *j)
{
    if (setjmp(j->jump)) return WHET_FAIL(WHET_ENOMEM, "PNG could not be written: %s", j->text);
    j->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, j, on_error, on_warning);
    if (j->png) j->info = png_create_info_struct(j->png);
    if (!j->info) return WHET_FAIL(WHET_ENOMEM, "no memory for the PNG writer");
    WHET_TRY(make_rows(j));
    png_set_write_fn(j->png, j, on_write, on_flush);
    png_set_IHDR(j->png, j->info, (png_uint_32)j->out->width, (png_uint_32)j->out->height, 8,
                 j->out->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(j->png, j->info);
    png_write_image(j->png, j->rows);
    png_write_end(j->png, j->info);
    return WHET_OK;
}

whet_status whet_image_encode_png(whet_strbuf *out, const whet_image *img)
{
    struct job j;
    whet_image view = *img;
    whet_status status = WHET_OK;

    memset(&j, 0, sizeof j);
    j.out = &view;
    j.sink = out;
    status = encode(&j);
    png_destroy_write_struct(&j.png, &j.info);
    whet_free(j.rows);
    return status;
}

whet_status whet_image_write_png(const char *path, const whet_image *img)
{
    whet_strbuf s;
    whet_status status = WHET_OK;

    whet_strbuf_init(&s);
    status = whet_image_encode_png(&s, img);
    if (status == WHET_OK) status = whet_file_write(path, s.data, s.len);
    whet_strbuf_dispose(&s);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* TensorBoard event records, as its record_writer and event.proto describe them: u64 length, u32 masked CRC of it, the
 * Event message, u32 masked CRC of that. mask(crc) = rotate right by 15 + 0xa282ead8. */
#include "train/tfevents.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "wire/pb.h"

enum { MOST_SCALARS = 8 };

typedef struct tf_value {
    whet_pb_head head;
    const char *tag;
    float simple_value;
} tf_value;
typedef struct tf_summary {
    whet_pb_head head;
    WHET_PB_LIST(tf_value) value;
} tf_summary;
typedef struct tf_event {
    whet_pb_head head;
    double wall_time;
    int64_t step;
    const char *file_version;
    const tf_summary *summary;
} tf_event;

static const whet_pb_field value_fields[] = {WHET_PB_ONE(1, STRING, tf_value, tag), WHET_PB_ONE(2, FLOAT, tf_value, simple_value),
                                             WHET_PB_END};
static const whet_pb_message value_message = {"Summary.Value", sizeof(tf_value), value_fields};
static const whet_pb_field summary_fields[] = {WHET_PB_SUBS(1, tf_summary, value, value_message), WHET_PB_END};
static const whet_pb_message summary_message = {"Summary", sizeof(tf_summary), summary_fields};
static const whet_pb_field event_fields[] = {
    WHET_PB_ONE(1, DOUBLE, tf_event, wall_time), WHET_PB_ONE(2, INT, tf_event, step),
    WHET_PB_ONE(3, STRING, tf_event, file_version), WHET_PB_SUB(5, tf_event, summary, summary_message), WHET_PB_END};
static const whet_pb_message event_message = {"Event", sizeof(tf_event), event_fields};

static uint32_t masked_crc(const void *data, size_t n)
{
    const uint32_t crc = whet_crc32c(0, data, n);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

static whet_status write_record(FILE *f, const char *path, const tf_event *e)
{
    uint8_t *data = NULL;
    size_t size = 0;
    WHET_TRY(whet_pb_encode_mem(&event_message, e, &data, &size));
    const uint64_t length = size;
    const uint32_t head = masked_crc(&length, sizeof length), body = masked_crc(data, size);
    bool good = fwrite(&length, sizeof length, 1, f) == 1 && fwrite(&head, sizeof head, 1, f) == 1 &&
                fwrite(data, size, 1, f) == 1 && fwrite(&body, sizeof body, 1, f) == 1;
    whet_free(data);
    if (good) return WHET_OK;
    WHET_FAIL(WHET_EIO, "cannot write: %s", strerror(errno));
    whet_error_at_file(path);
    return WHET_EIO;
}

static double wall_time(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

whet_status whet_tfevents_start(FILE *f, const char *path)
{
    const tf_event e = {.wall_time = wall_time(), .file_version = "brain.Event:2"};
    return write_record(f, path, &e);
}

whet_status whet_tfevents_scalars(FILE *f, const char *path, int64_t step, int n, const whet_tfscalar *scalars)
{
    tf_value values[MOST_SCALARS] = {0};
    for (int i = 0; i < n && i < MOST_SCALARS; i++) {
        values[i].head.has = 2; /* a zero is written too */
        values[i].tag = scalars[i].tag;
        values[i].simple_value = (float)scalars[i].value;
    }
    const tf_summary summary = {.value = {(size_t)WHET_MIN(n, MOST_SCALARS), values}};
    const tf_event e = {.wall_time = wall_time(), .step = step, .summary = &summary};
    return write_record(f, path, &e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Framing of messages over a socket pair. Waiting is cut into slices, so that Ctrl-C is noticed. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mem.h"
#include "measure/link.h"
#include "wire/json.h"

enum { SLICE_MS = 100 };

static whet_status send_all(int fd, const void *data, size_t n)
{
    const char *p = data;
    while (n > 0) {
        const ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return WHET_FAIL(WHET_ENOTFOUND, "the other side of the link is gone");
        p += k;
        n -= (size_t)k;
    }
    return WHET_OK;
}

whet_status whet_link_send(int fd, const json_t *message)
{
    char *text = whet_json_text(message, 0);
    if (text == NULL) return WHET_ENOMEM;
    const size_t n = strlen(text);
    const uint8_t head[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};
    whet_status status = n <= WHET_LINK_MAX ? send_all(fd, head, 4) : WHET_FAIL(WHET_ENOMEM, "a message of %zu bytes is too long", n);
    if (status == WHET_OK) status = send_all(fd, text, n);
    whet_free(text);
    return status;
}

typedef struct wait { uint64_t deadline; void (*look)(void *); void *arg; } wait;

static whet_status wait_readable(int fd, const wait *w)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        const int n = poll(&p, 1, SLICE_MS);
        if (n > 0) return WHET_OK;
        if (n < 0 && errno != EINTR) return WHET_FAIL(WHET_EIO, "waiting for a worker failed: %s", strerror(errno));
        if (whet_cancelled()) return WHET_FAIL(WHET_ECANCELLED, "interrupted");
        if (w->look != NULL) w->look(w->arg);
        if (w->deadline != 0 && whet_now_ns() > w->deadline) return WHET_FAIL(WHET_EUNAVAILABLE, "no answer in time");
    }
}

static whet_status receive_all(int fd, const wait *w, void *data, size_t n)
{
    char *p = data;
    while (n > 0) {
        WHET_TRY(wait_readable(fd, w));
        const ssize_t k = recv(fd, p, n, 0);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return WHET_FAIL(WHET_ENOTFOUND, "the other side of the link is gone");
        p += k;
        n -= (size_t)k;
    }
    return WHET_OK;
}

whet_status whet_link_receive(int fd, uint64_t deadline, json_t **out)
{
    return whet_link_receive_watched(fd, deadline, NULL, NULL, out);
}

whet_status whet_link_receive_watched(int fd, uint64_t deadline, void (*look)(void *), void *arg, json_t **out)
{
    const wait w = {deadline, look, arg};
    uint8_t head[4];
    *out = NULL;
    WHET_TRY(receive_all(fd, &w, head, 4));
    const size_t n = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    if (n > WHET_LINK_MAX) return WHET_FAIL(WHET_EFORMAT, "a message of %zu bytes is announced", n);
    char *text = whet_alloc(n + 1);
    if (text == NULL) return WHET_ENOMEM;
    whet_status status = receive_all(fd, &w, text, n);
    if (status == WHET_OK) status = whet_json_parse(out, text, n, NULL);
    whet_free(text);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A program that serves as a runtime (docs/exec-runtime.md) without any library: y = 2 x + 1 on f32 vectors of 8, with as
 * many of them as asked for. Its argument makes it misbehave in one way. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WIDTH = 8 };
static const char *trick;
static long id, batch = 1, x_at, y_at;
static float *memory;

static int is(const char *name) { return strcmp(trick, name) == 0; }

static void say(const char *members)
{
    printf("{\"id\":%ld%s%s}\n", is("wrong_id") ? id + 1 : id, members[0] != '\0' ? "," : "", members);
    if (is("twice")) printf("{\"id\":%ld}\n", id);
    fflush(stdout);
}

static long number_behind(const char *line, const char *key)
{
    const char *p = strstr(line, key);
    return p != NULL ? strtol(p + strlen(key), NULL, 10) : -1;
}

static void hang(void)
{
    for (;;) pause();
}

static void hello(void)
{
    if (is("deaf")) hang();
    if (is("banner")) printf("Loading libraries ...\n");
    if (is("protocol")) say("\"protocol\":2,\"name\":\"Twice\",\"version\":\"1.0\"");
    else if (is("nameless")) say("\"protocol\":1");
    else say("\"protocol\":1,\"name\":\"Twice\",\"version\":\"1.0\",\"formats\":[\"twice\"],\"queries\":[\"threads\"],"
             "\"settings\":{\"threads\":\"integer >= 1\",\"optimisation\":[\"basic\",\"all\"]}");
}

static void open_file(const char *line)
{
    if (is("exit")) {
        fprintf(stderr, "the device is away\n");
        exit(3);
    }
    for (int i = 0; is("talk") && i < 1 << 20; i++) fprintf(stderr, "a tensor of no importance is %d\n", i);
    if (is("refuse")) say("\"error\":\"operator 'Foo' is not known\",\"status\":\"unsupported\"");
    else if (is("close_stdout")) close(1), hang();
    else if (is("long_line")) {
        for (int i = 0; i < 2 << 20; i++) putchar('x');
        fflush(stdout);
        hang();
    } else if (is("zero_byte")) {
        putchar('\0');
        say("");
    } else if (is("no_list")) say("");
    else if (is("bad_type")) say("\"inputs\":[{\"name\":\"x\",\"dtype\":\"f33\",\"dims\":[1]}],\"outputs\":[]");
    else if (is("bad_rank")) say("\"inputs\":[{\"name\":\"x\",\"dtype\":\"f32\",\"dims\":[1,1,1,1,1,1,1,1,1]}],\"outputs\":[]");
    else if (strstr(line, "missing") != NULL) say("\"error\":\"there is no such file\",\"status\":\"missing\"");
    else say("\"inputs\":[{\"name\":\"x\",\"dtype\":\"f32\",\"dims\":[-1,8]}],\"outputs\":[{\"name\":\"y\",\"dtype\":\"f32\",\"dims\":[-1,8]}]");
}

static void prepare(const char *line)
{
    char text[200];
    batch = number_behind(line, "\"inputs\":[[");
    if (is("free_output")) batch = -1;
    if (is("huge")) batch = 2000000000;
    snprintf(text, sizeof text, "\"outputs\":[{\"name\":\"y\",\"dtype\":\"f32\",\"dims\":[%ld,8]}%s]", batch,
             is("more_outputs") ? ",{\"name\":\"z\",\"dtype\":\"f32\",\"dims\":[1]}" : "");
    if (is("resize")) {
        if (ftruncate(3, 4096) != 0) exit(9);
        (void)fcntl(3, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SEAL);
    }
    say(text);
    if (is("leave")) exit(0);
}

static void map(const char *line)
{
    const long size = number_behind(line, "\"size\":");
    x_at = number_behind(line, "\"inputs\":[{\"offset\":");
    y_at = number_behind(line, "\"outputs\":[{\"offset\":");
    memory = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
    if (memory == MAP_FAILED) exit(4);
    if (is("shrink") && ftruncate(3, 0) == 0) fprintf(stderr, "the memory could be cut off\n");
    say("");
}

static void run(void)
{
    if (is("hang")) hang();
    if (is("crash")) abort();
    for (long i = 0; i < batch * WIDTH; i++) memory[y_at / 4 + i] = 2 * memory[x_at / 4 + i] + (is("wrong") ? 1.5f : 1);
    if (is("eat")) {
        for (;;) {
            char *p = malloc(1 << 20);
            if (p == NULL) {
                fprintf(stderr, "out of memory\n");
                exit(5);
            }
            memset(p, 1, 1 << 20);
        }
    }
    say("");
}

int main(int argc, char **argv)
{
    static char line[1 << 16];
    trick = argc > 1 ? argv[1] : "good";
    while (fgets(line, sizeof line, stdin) != NULL) {
        id = number_behind(line, "\"id\":");
        if (strstr(line, "\"do\":\"hello\"") != NULL) hello();
        else if (strstr(line, "\"do\":\"open\"") != NULL) open_file(line);
        else if (strstr(line, "\"do\":\"prepare\"") != NULL) prepare(line);
        else if (strstr(line, "\"do\":\"map\"") != NULL) map(line);
        else if (strstr(line, "\"do\":\"run\"") != NULL) run();
        else if (strstr(line, "\"do\":\"ping\"") != NULL) say("");
        else if (strstr(line, "\"do\":\"query\"") != NULL) say("\"json\":{\"intra_op\":1}");
        else if (strstr(line, "\"do\":\"bye\"") != NULL && !is("stubborn")) return 0;
    }
    if (is("stubborn")) hang();
    return 0;
}

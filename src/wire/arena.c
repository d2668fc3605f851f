/* Memory of one call: bytes given out in order and taken back all at once. */
#include <string.h>

#include "wire.h"

#define ARENA_ALIGN 16
#define ARENA_BLOCK 8192

struct ArenaBlock {
    ArenaBlock *next;
    gsize size;
    guint8 data[] __attribute__((aligned(ARENA_ALIGN)));
};

void
arena_init(Arena *a, gpointer first, gsize size)
{
    *a = (Arena){ .next = first, .end = first ? (guint8 *)first + size : NULL };
}

void
arena_done(Arena *a)
{
    while (a->blocks) {
        ArenaBlock *b = a->blocks;
        a->blocks = b->next;
        g_free(b);
    }
    a->next = a->end = NULL;
}

void
arena_wipe(Arena *a)
{
    for (ArenaBlock *b = a->blocks; b; b = b->next)
        explicit_bzero(b->data, b->size);
}

static guint8 *
arena_take(Arena *a, gsize size)
{
    gsize skip = -(guintptr)a->next & (ARENA_ALIGN - 1);

    if ((gsize)(a->end - a->next) < size + skip) {
        gsize room = MAX(size, ARENA_BLOCK);
        ArenaBlock *b = g_malloc(sizeof(*b) + room);
        b->next = a->blocks;
        b->size = room;
        a->blocks = b;
        /* A large piece gets a block of its own; the rest of the current one stays in use. */
        if (size > ARENA_BLOCK / 2)
            return b->data;
        a->next = b->data;
        a->end = b->data + room;
        skip = 0;
    }
    guint8 *p = a->next + skip;
    a->next = p + size;
    return p;
}

gpointer
arena_alloc(Arena *a, gsize n, gsize size)
{
    g_assert(size == 0 || n <= G_MAXSSIZE / size);
    if (n == 0 || size == 0)
        return NULL;
    return memset(arena_take(a, n * size), 0, n * size);
}

const char *
arena_strndup(Arena *a, const char *text, gsize len)
{
    char *copy = (char *)arena_take(a, len + 1);

    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

const char *
arena_strdup(Arena *a, const char *text)
{
    return text ? arena_strndup(a, text, strlen(text)) : NULL;
}

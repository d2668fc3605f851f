/* Sets of small numbers. As many words as the largest member needs. */
#include "base.h"

#include <string.h>

struct Bitmap {
    guint n; /* words */
    guint64 *words;
};

#define WORD_BITS 64

Bitmap *
bitmap_new(void)
{
    return g_new0(Bitmap, 1);
}

void
bitmap_free(Bitmap *b)
{
    if (!b)
        return;
    g_free(b->words);
    g_free(b);
}

Bitmap *
bitmap_copy(const Bitmap *b)
{
    Bitmap *c;

    if (!b)
        return NULL;
    c = bitmap_new();
    c->n = b->n;
    c->words = g_memdup2(b->words, b->n * sizeof(guint64));
    return c;
}

void
bitmap_set(Bitmap *b, guint n)
{
    guint word = n / WORD_BITS;

    if (word >= b->n) {
        b->words = g_renew(guint64, b->words, word + 1);
        memset(b->words + b->n, 0, (word + 1 - b->n) * sizeof(guint64));
        b->n = word + 1;
    }
    b->words[word] |= BIT(n % WORD_BITS);
}

void
bitmap_unset(Bitmap *b, guint n)
{
    if (n / WORD_BITS < b->n)
        b->words[n / WORD_BITS] &= ~BIT(n % WORD_BITS);
}

gboolean
bitmap_test(const Bitmap *b, guint n)
{
    return b && n / WORD_BITS < b->n && (b->words[n / WORD_BITS] & BIT(n % WORD_BITS));
}

guint
bitmap_count(const Bitmap *b)
{
    guint count = 0;

    for (guint i = 0; b && i < b->n; i++)
        count += __builtin_popcountll(b->words[i]);
    return count;
}

int
bitmap_next(const Bitmap *b, int after)
{
    for (guint n = after + 1; b && n < b->n * WORD_BITS; n++)
        if (bitmap_test(b, n))
            return n;
    return -1;
}

int
bitmap_last(const Bitmap *b)
{
    for (int i = b ? (int)b->n - 1 : -1; i >= 0; i--)
        if (b->words[i])
            return i * WORD_BITS + WORD_BITS - 1 - __builtin_clzll(b->words[i]);
    return -1;
}

gboolean
bitmap_equal(const Bitmap *a, const Bitmap *b)
{
    return bitmap_contains(a, b) && bitmap_contains(b, a);
}

gboolean
bitmap_overlaps(const Bitmap *a, const Bitmap *b)
{
    for (guint i = 0; a && b && i < MIN(a->n, b->n); i++)
        if (a->words[i] & b->words[i])
            return TRUE;
    return FALSE;
}

gboolean
bitmap_contains(const Bitmap *all, const Bitmap *part)
{
    for (guint i = 0; part && i < part->n; i++)
        if (part->words[i] & ~(all && i < all->n ? all->words[i] : 0))
            return FALSE;
    return TRUE;
}

void
bitmap_add(Bitmap *b, const Bitmap *more)
{
    for (int n = bitmap_next(more, -1); n >= 0; n = bitmap_next(more, n))
        bitmap_set(b, n);
}

/* Reads a number and steps over it. */
static gboolean
read_number(const char **text, guint *ret_n)
{
    const char *p = *text;
    guint n = 0;

    if (!g_ascii_isdigit(*p))
        return FALSE;
    for (; g_ascii_isdigit(*p); p++) {
        n = n * 10 + (*p - '0');
        if (n >= BITMAP_MAX)
            return FALSE;
    }
    while (g_ascii_isspace(*p))
        p++;
    *text = p;
    *ret_n = n;
    return TRUE;
}

/* One part between commas: "3", "^3", "0-7". */
static gboolean
read_part(const char **text, Bitmap *b)
{
    gboolean out;
    guint lo, hi;

    while (g_ascii_isspace(**text))
        (*text)++;
    out = **text == '^';
    *text += out;
    if (!read_number(text, &lo))
        return FALSE;
    hi = lo;
    if (**text == '-' && !out) {
        (*text)++;
        while (g_ascii_isspace(**text))
            (*text)++;
        if (!read_number(text, &hi) || hi < lo)
            return FALSE;
    }
    for (guint n = lo; n <= hi; n++)
        (out ? bitmap_unset : bitmap_set)(b, n);
    return TRUE;
}

Bitmap *
bitmap_parse(const char *text, GError **err)
{
    g_autoptr(Bitmap) b = bitmap_new();
    const char *p = text;

    while (g_ascii_isspace(*p))
        p++;
    while (*p) {
        if (!read_part(&p, b) || (*p && *p != ',')) {
            fail(err, ERR_INVALID_ARG, "Failed to parse bitmap '%s'", text);
            return NULL;
        }
        p += *p == ',';
    }
    return g_steal_pointer(&b);
}

char *
bitmap_format(const Bitmap *b)
{
    GString *out = g_string_new(NULL);

    for (int lo = bitmap_next(b, -1); lo >= 0;) {
        int hi = lo;

        while (bitmap_test(b, hi + 1))
            hi++;
        g_string_append_printf(out, lo == hi ? "%s%d" : "%s%d-%d", out->len ? "," : "", lo, hi);
        lo = bitmap_next(b, hi);
    }
    return g_string_free(out, FALSE);
}

/* Any bytes as any message: decoding ends, and what decodes encodes to the same bytes again. The
 * first two bytes choose the message. */
#include "wire/wire.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static void
round_trip(const WireType *t, const guint8 *data, gsize size)
{
    WireBuf one = { 0 }, two = { 0 };
    g_autofree gpointer message = g_malloc0(t->size);
    gsize used;
    Arena a;

    arena_init(&a, NULL, 0);
    if (xdr_decode_part(t, data, size, &a, message, &used, NULL)) {
        g_assert_true(used <= size);
        g_assert_true(xdr_encode(&one, t, message, NULL));
        g_assert_true(xdr_decode(t, one.data, one.len, &a, message, NULL));
        g_assert_true(xdr_encode(&two, t, message, NULL));
        g_assert_cmpmem(one.data, one.len, two.data, two.len);
    }
    arena_done(&a);
    wire_buf_done(&one);
    wire_buf_done(&two);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    static guint n;

    while (wire_type_at(n))
        n++;
    wire_cut(data, size, NULL);
    if (size >= 2)
        round_trip(wire_type_at((guint)(data[0] << 8 | data[1]) % n), data + 2, size - 2);
    return 0;
}

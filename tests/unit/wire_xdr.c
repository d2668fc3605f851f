/* The codec: every message survives a round trip, bounds hold, nonsense is refused. */
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* ---- random messages of any type */

typedef struct Maker {
    GRand *rand;
    Arena *arena;
} Maker;

static void make(Maker *m, const WireType *t, gpointer message);

static guint32
some(Maker *m, guint32 max)
{
    return (guint32)g_rand_int_range(m->rand, 0, (gint32)MIN(max, 5) + 1);
}

static const char *
make_text(Maker *m)
{
    guint32 n = some(m, 7);
    char text[8] = "";

    for (guint32 i = 0; i < n; i++)
        text[i] = (char)g_rand_int_range(m->rand, 1, 256);
    return arena_strdup(m->arena, text);
}

static void
make_bytes(Maker *m, guint8 *bytes, gsize n)
{
    for (gsize i = 0; i < n; i++)
        bytes[i] = (guint8)g_rand_int(m->rand);
}

static void
make_value(Maker *m, Value *v)
{
    v->type = (ValueType)g_rand_int_range(m->rand, VALUE_INT, VALUE_STRING + 1);
    if (v->type == VALUE_STRING)
        v->s = make_text(m);
    else if (v->type == VALUE_DOUBLE)
        v->d = g_rand_double(m->rand);
    else if (v->type == VALUE_LLONG || v->type == VALUE_ULLONG)
        make_bytes(m, (guint8 *)&v->ul, 8);
    else
        v->u = g_rand_int(m->rand);
}

static gsize
size_of(const WireField *f)
{
    return f->kind == W_LIST                          ? f->type->size
           : f->kind == W_STRS                        ? sizeof(char *)
           : f->kind == W_U64S                        ? 8
           : f->kind == W_BYTES || f->kind == W_CHARS ? 1
                                                      : 4;
}

static void
make_array(Maker *m, const WireField *f, gpointer at)
{
    struct {
        guint8 *v;
        guint32 n;
    } a = { .n = some(m, f->max) };

    a.v = arena_alloc(m->arena, a.n, size_of(f));
    for (guint32 i = 0; i < a.n; i++) {
        if (f->kind == W_LIST)
            make(m, f->type, a.v + i * f->type->size);
        else if (f->kind == W_STRS)
            ((const char **)a.v)[i] = make_text(m);
        else
            make_bytes(m, a.v + i * size_of(f), size_of(f));
    }
    memcpy(at, &a, sizeof(a));
}

static void
make_field(Maker *m, const WireField *f, gpointer at)
{
    gboolean present = g_rand_boolean(m->rand);

    if (f->kind <= W_U32)
        make_bytes(m, at, 4);
    else if (f->kind <= W_U64)
        make_bytes(m, at, 8);
    else if (f->kind == W_UUID || f->kind == W_TEXT)
        make_bytes(m, at, f->max);
    else if (f->kind == W_STR || (f->kind == W_OPT_STR && present))
        *(const char **)at = make_text(m);
    else if (f->kind == W_REF)
        make(m, f->type, at);
    else if (f->kind == W_VALUE)
        make_value(m, at);
    else if (f->kind == W_OPT && present)
        make(m, f->type, *(gpointer *)at = arena_alloc(m->arena, 1, f->type->size));
    else if (f->kind >= W_LIST)
        make_array(m, f, at);
}

static void
make(Maker *m, const WireType *t, gpointer message)
{
    for (guint32 i = 0; i < t->n_fields; i++)
        make_field(m, &t->fields[i], (guint8 *)message + t->fields[i].offset);
}

static void
round_trip(void **state)
{
    WireBuf one = { 0 }, two = { 0 };
    const WireType *t;

    for (guint i = 0; (t = wire_type_at(i)); i++) {
        Arena a;
        Maker m = { g_rand_new_with_seed(i), &a };
        gsize used = 0;
        arena_init(&a, NULL, 0);
        gpointer in = arena_alloc(&a, 1, t->size), out = arena_alloc(&a, 1, t->size);

        make(&m, t, in);
        one.len = two.len = 0;
        assert_true(xdr_encode(&one, t, in, NULL));
        assert_int_equal(one.len % 4, 0);
        assert_true(xdr_decode_part(t, one.data, one.len, &a, out, &used, NULL));
        assert_int_equal(used, one.len);
        assert_true(xdr_encode(&two, t, out, NULL));
        assert_int_equal(one.len, two.len);
        assert_memory_equal(one.data, two.data, one.len);
        /* Every shorter message is refused. The copy lets the sanitizer see each byte too far. */
        for (gsize len = 0; len < one.len; len++) {
            g_autofree guint8 *cut = g_memdup2(one.data, MAX(len, 1));
            assert_false(xdr_decode(t, cut, len, &a, out, NULL));
        }
        arena_done(&a);
        g_rand_free(m.rand);
    }
    wire_buf_done(&one);
    wire_buf_done(&two);
}

/* ---- what goes wrong easily */

static void
any_flag_is_present(void **state)
{
    static const guint8 open[] = { 1, 0, 0, 0, 0, 0, 0, 1, 'x', 0, 0, 0, 0, 0, 0, 0 };
    ConnectOpenArgs in;
    Arena a;

    arena_init(&a, NULL, 0);
    assert_true(xdr_decode(&ConnectOpenArgs_type, open, sizeof(open), &a, &in, NULL));
    assert_string_equal(in.name, "x");
    arena_done(&a);
}

static void
refuses(const WireType *t, const guint8 *data, gsize len, const char *why)
{
    g_autoptr(GError) err = NULL;
    g_autofree gpointer out = g_malloc0(t->size);
    Arena a;

    arena_init(&a, NULL, 0);
    assert_false(xdr_decode(t, data, len, &a, out, &err));
    assert_true(error_is(err, ERR_RPC));
    assert_non_null(strstr(err->message, why));
    arena_done(&a);
}

static void
bad_messages(void **state)
{
    static const guint8 nul[] = { 0, 0, 0, 4, 'a', 0, 'b', 'c', 0, 0, 0, 0 };
    static const guint8 huge[] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0 };
    static const guint8 many[] = { 0, 0, 0, 21, 0, 0, 0, 0 };
    static const guint8 few[] = { 0, 0, 0, 20, 0, 0, 0, 0 };
    static const guint8 value[] = { 0, 0, 0, 1, 'k', 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0 };

    refuses(&DomainLookupByNameArgs_type, nul, sizeof(nul), "name: the string has a NUL");
    refuses(&DomainLookupByNameArgs_type, huge, sizeof(huge), "too long");
    refuses(&AuthListRet_type, many, sizeof(many), "types: too many");
    refuses(&AuthListRet_type, few, sizeof(few), "ends too early");
    refuses(&TypedParam_type, value, sizeof(value), "unknown type");
}

static void
bounds_when_encoding(void **state)
{
    gint32 types[21] = { 0 };
    AuthListRet out = { .types = { types, 20 } };
    g_autoptr(GError) err = NULL;
    WireBuf b = { 0 };

    assert_true(xdr_encode(&b, &AuthListRet_type, &out, NULL));
    out.types.n = 21;
    assert_false(xdr_encode(&b, &AuthListRet_type, &out, &err));
    assert_true(error_is(err, ERR_OVERFLOW));
    wire_buf_done(&b);
}

static void
frames(void **state)
{
    WireHeader h = { .program = PROGRAM_REMOTE, .version = 1, .procedure = 9, .serial = 7 }, got;
    guint8 bad[4] = { 0, 0, 0, 27 };
    WireBuf b = { 0 };

    wire_begin(&b, &h);
    wire_put_u32(&b, 0x01020304);
    assert_true(wire_end(&b, NULL));
    assert_int_equal(wire_cut(b.data, b.len, NULL), 32);
    assert_int_equal(wire_cut(b.data, b.len - 1, NULL), 0);
    assert_int_equal(wire_cut(b.data, 3, NULL), 0);
    wire_header_decode(b.data, &got);
    assert_int_equal(got.size, 32);
    assert_int_equal(got.procedure, 9);
    assert_int_equal(got.serial, 7);
    /* With two descriptors there are two filler bytes. */
    h.kind = MSG_CALL_FDS;
    wire_begin(&b, &h);
    wire_put_u32(&b, 2);
    assert_true(wire_end(&b, NULL));
    assert_int_equal(wire_cut(b.data, b.len, NULL), 0);
    wire_put(&b, "\0", 2);
    assert_int_equal(wire_cut(b.data, b.len, NULL), 34);
    assert_int_equal(wire_cut(bad, 4, NULL), -1);
    memset(bad, 0xff, 4);
    assert_int_equal(wire_cut(bad, 4, NULL), -1);
    wire_buf_done(&b);
}

static void
procedures(void **state)
{
    const Procedure *p = procedure_find(PROGRAM_REMOTE, PROC_DOMAIN_GET_XML_DESC);

    assert_string_equal(p->name, "DOMAIN_GET_XML_DESC");
    assert_ptr_equal(p->args, &DomainGetXmlDescArgs_type);
    assert_int_equal(p->write_bits, 9);
    assert_null(procedure_find(PROGRAM_REMOTE, 0));
    assert_null(procedure_find(PROGRAM_REMOTE, -1));
    assert_null(procedure_find(PROGRAM_REMOTE, procedure_max(PROGRAM_REMOTE) + 1));
    assert_null(procedure_find(PROGRAM_KEEPALIVE, 1));
    assert_int_equal(procedure_max(0), 0);
}

/* The door at which texts of clients are checked; what we send ourselves is not. */
static void
texts_of_calls(void **state)
{
    static const struct {
        const char *text;
        gboolean good;
    } rows[] = {
        { "", TRUE },
        { "web", TRUE },
        { "tab\t, line\n, return\r", TRUE },
        { "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa7", TRUE },
        { "bell\a", FALSE },
        { "\xc3\xa4 and escape \x1b", FALSE },
        { "\xff", FALSE },
        { "cut \xe2\x82", FALSE },
        { "longer than it need be \xc0\x80", FALSE },
        { "half a pair \xed\xa0\x80", FALSE },
        { "no character \xef\xbf\xbf", FALSE },
    };
    const WireType *type = procedure_find(PROGRAM_REMOTE, PROC_DOMAIN_LOOKUP_BY_NAME)->args;

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        DomainLookupByNameArgs args = { .name = rows[i].text }, got;
        g_autoptr(GError) err = NULL;
        WireBuf b = { 0 };
        Arena arena;

        arena_init(&arena, NULL, 0);
        assert_true(xdr_encode(&b, type, &args, NULL));
        assert_true(xdr_decode(type, b.data, b.len, &arena, &got, NULL));
        assert_int_equal(xdr_decode_call(type, b.data, b.len, &arena, &got, &err), rows[i].good);
        assert_true(rows[i].good || error_is(err, ERR_INVALID_ARG));
        arena_done(&arena);
        wire_buf_done(&b);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),     cmocka_unit_test(any_flag_is_present),
        cmocka_unit_test(bad_messages),   cmocka_unit_test(bounds_when_encoding),
        cmocka_unit_test(frames),         cmocka_unit_test(procedures),
        cmocka_unit_test(texts_of_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Messages to and from XDR: big endian, everything padded to four bytes, as the rows say. */
#include <string.h>

#include "wire.h"

/* What every LIST_OF looks like to the codec; read and written by memcpy because the pointer's
 * real type differs from row to row. */
typedef struct Array {
    gpointer v;
    guint32 n;
} Array;

static gsize
padded(gsize n)
{
    return (n + 3) & ~(gsize)3;
}

/* ---- writing */

void
wire_buf_done(WireBuf *b)
{
    g_free(b->data);
    *b = (WireBuf){ 0 };
}

static guint8 *
wire_room(WireBuf *b, gsize n)
{
    if (b->size - b->len < n) {
        b->size = MAX(b->size * 2, b->len + n);
        b->size = MAX(b->size, 4096);
        b->data = g_realloc(b->data, b->size);
    }
    guint8 *p = b->data + b->len;
    b->len += n;
    return p;
}

static void
store_u32(guint8 *p, guint32 v)
{
    v = GUINT32_TO_BE(v);
    memcpy(p, &v, 4);
}

void
wire_put(WireBuf *b, const void *data, gsize len)
{
    if (len)
        memcpy(wire_room(b, len), data, len);
}

void
wire_put_u32(WireBuf *b, guint32 v)
{
    store_u32(wire_room(b, 4), v);
}

static void
wire_put_u64(WireBuf *b, guint64 v)
{
    v = GUINT64_TO_BE(v);
    memcpy(wire_room(b, 8), &v, 8);
}

static void
wire_put_opaque(WireBuf *b, const void *data, gsize len)
{
    guint8 *p = wire_room(b, padded(len));

    if (len)
        memcpy(p, data, len);
    memset(p + len, 0, padded(len) - len);
}

void
wire_begin(WireBuf *b, const WireHeader *h)
{
    b->len = 0;
    wire_put_u32(b, 0);
    wire_put_u32(b, h->program);
    wire_put_u32(b, h->version);
    wire_put_u32(b, (guint32)h->procedure);
    wire_put_u32(b, h->kind);
    wire_put_u32(b, h->serial);
    wire_put_u32(b, h->status);
}

gboolean
wire_end(WireBuf *b, GError **err)
{
    if (b->len > WIRE_MAX)
        return fail(err, ERR_OVERFLOW, "a message of %zu bytes is larger than %d", b->len,
                    WIRE_MAX);
    store_u32(b->data, (guint32)b->len);
    return TRUE;
}

/* Where an encoder or decoder is, for its errors. */
static gboolean
fail_at(const WireType *t, const WireField *f, GError **err, const char *what)
{
    return fail(err, ERR_RPC, "%s.%s: %s", t->name, f->name, what);
}

static gboolean
put_count(WireBuf *b, const WireType *t, const WireField *f, gsize n, GError **err)
{
    if (n > f->max)
        return fail(err, ERR_OVERFLOW, "%s.%s: %zu is over the protocol's bound of %u", t->name,
                    f->name, n, f->max);
    wire_put_u32(b, (guint32)n);
    return TRUE;
}

static gboolean
put_string(WireBuf *b, const WireType *t, const WireField *f, const char *text, GError **err)
{
    gsize len = text ? strlen(text) : 0;

    if (len > WIRE_STRING_MAX)
        return fail(err, ERR_OVERFLOW, "%s.%s: a string of %zu bytes is over the protocol's %d",
                    t->name, f->name, len, WIRE_STRING_MAX);
    wire_put_u32(b, (guint32)len);
    wire_put_opaque(b, text, len);
    return TRUE;
}

static gboolean
put_value(WireBuf *b, const WireType *t, const WireField *f, const Value *v, GError **err)
{
    wire_put_u32(b, v->type);
    switch (v->type) {
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_BOOLEAN:
        wire_put_u32(b, v->u);
        return TRUE;
    case VALUE_LLONG:
    case VALUE_ULLONG:
    case VALUE_DOUBLE:
        wire_put_u64(b, v->ul);
        return TRUE;
    case VALUE_STRING:
        return put_string(b, t, f, v->s, err);
    }
    return fail_at(t, f, err, "a value of unknown type");
}

static void
put_chars(WireBuf *b, const char *text, gsize n)
{
    for (gsize i = 0; i < n; i++)
        wire_put_u32(b, (guint32)(gint32)(signed char)text[i]);
}

static gboolean
put_array(WireBuf *b, const WireType *t, const WireField *f, gconstpointer at, GError **err)
{
    Array a;

    memcpy(&a, at, sizeof(a));
    if (!put_count(b, t, f, a.n, err))
        return FALSE;
    if (f->kind == W_BYTES)
        wire_put_opaque(b, a.v, a.n);
    else if (f->kind == W_CHARS)
        put_chars(b, a.v, a.n);
    for (guint32 i = 0; i < a.n; i++) {
        if (f->kind == W_LIST && !xdr_encode(b, f->type, (guint8 *)a.v + i * f->type->size, err))
            return FALSE;
        if (f->kind == W_STRS && !put_string(b, t, f, ((const char **)a.v)[i], err))
            return FALSE;
        if (f->kind == W_I32S || f->kind == W_U32S)
            wire_put_u32(b, ((guint32 *)a.v)[i]);
        if (f->kind == W_U64S)
            wire_put_u64(b, ((guint64 *)a.v)[i]);
    }
    return TRUE;
}

static gboolean
put_pointer(WireBuf *b, const WireType *t, const WireField *f, gconstpointer at, GError **err)
{
    gconstpointer p = *(gconstpointer const *)at;

    wire_put_u32(b, p != NULL);
    if (!p)
        return TRUE;
    if (f->kind == W_OPT_STR)
        return put_string(b, t, f, p, err);
    if (f->kind == W_OPT)
        return xdr_encode(b, f->type, p, err);
    wire_put_u32(b, *(const guint32 *)p);
    return TRUE;
}

static gboolean
put_field(WireBuf *b, const WireType *t, const WireField *f, gconstpointer at, GError **err)
{
    switch (f->kind) {
    case W_I32:
    case W_U32:
        wire_put_u32(b, *(const guint32 *)at);
        return TRUE;
    case W_I64:
    case W_U64:
        wire_put_u64(b, *(const guint64 *)at);
        return TRUE;
    case W_STR:
        return put_string(b, t, f, *(const char *const *)at, err);
    case W_UUID:
        wire_put(b, at, 16);
        return TRUE;
    case W_TEXT:
        put_chars(b, at, f->max);
        return TRUE;
    case W_REF:
        return xdr_encode(b, f->type, at, err);
    case W_VALUE:
        return put_value(b, t, f, at, err);
    case W_OPT_STR:
    case W_OPT_I32:
    case W_OPT:
        return put_pointer(b, t, f, at, err);
    case W_LIST:
    case W_I32S:
    case W_U32S:
    case W_U64S:
    case W_STRS:
    case W_BYTES:
    case W_CHARS:
        return put_array(b, t, f, at, err);
    }
    return fail_at(t, f, err, "a field of unknown kind");
}

gboolean
xdr_encode(WireBuf *b, const WireType *t, gconstpointer message, GError **err)
{
    for (guint32 i = 0; i < t->n_fields; i++) {
        const WireField *f = &t->fields[i];
        if (!put_field(b, t, f, (const guint8 *)message + f->offset, err))
            return FALSE;
    }
    return TRUE;
}

/* ---- reading */

typedef struct XdrReader {
    const guint8 *p, *end;
    Arena *arena;
    gboolean text_only; /* strings are what XML can hold */
    const WireType *t;  /* for errors */
    const WireField *f;
} XdrReader;

static gboolean
get_fail(const XdrReader *r, GError **err, const char *what)
{
    return fail_at(r->t, r->f, err, what);
}

static gboolean
get_u32(XdrReader *r, guint32 *ret, GError **err)
{
    if (r->end - r->p < 4)
        return get_fail(r, err, "the message ends too early");
    memcpy(ret, r->p, 4);
    *ret = GUINT32_FROM_BE(*ret);
    r->p += 4;
    return TRUE;
}

static gboolean
get_u64(XdrReader *r, guint64 *ret, GError **err)
{
    if (r->end - r->p < 8)
        return get_fail(r, err, "the message ends too early");
    memcpy(ret, r->p, 8);
    *ret = GUINT64_FROM_BE(*ret);
    r->p += 8;
    return TRUE;
}

/* n bytes and their padding; borrowed from the message. */
static const guint8 *
get_opaque(XdrReader *r, gsize n, GError **err)
{
    const guint8 *at = r->p;

    if ((gsize)(r->end - r->p) < padded(n)) {
        get_fail(r, err, "the message ends too early");
        return NULL;
    }
    r->p += padded(n);
    return at;
}

/* UTF-8, and of its characters those that an XML 1.0 document may have. */
static gboolean
is_xml_text(const char *text, gsize len)
{
    gsize i = 0;

    while (i < len && (guchar)text[i] < 0x80 &&
           ((guchar)text[i] >= ' ' || strchr("\t\n\r", text[i])))
        i++;
    if (i == len)
        return TRUE;
    if (!g_utf8_validate(text + i, (gssize)(len - i), NULL))
        return FALSE;
    for (const char *p = text + i; p < text + len; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (c == 0xfffe || c == 0xffff || (c < ' ' && c != '\t' && c != '\n' && c != '\r'))
            return FALSE;
    }
    return TRUE;
}

static gboolean
get_string(XdrReader *r, const char **ret, GError **err)
{
    guint32 n = 0;
    const guint8 *text;

    if (!get_u32(r, &n, err))
        return FALSE;
    if (n > WIRE_STRING_MAX)
        return get_fail(r, err, "the string is too long");
    text = get_opaque(r, n, err);
    if (!text)
        return FALSE;
    if (memchr(text, '\0', n))
        return get_fail(r, err, "the string has a NUL inside");
    if (r->text_only && !is_xml_text((const char *)text, n))
        return fail(err, ERR_INVALID_ARG,
                    "%s.%s: the string is not UTF-8, or has a character that "
                    "XML has not",
                    r->t->name, r->f->name);
    *ret = arena_strndup(r->arena, (const char *)text, n);
    return TRUE;
}

static gboolean
get_value(XdrReader *r, Value *ret, GError **err)
{
    guint32 type;

    if (!get_u32(r, &type, err))
        return FALSE;
    ret->type = (ValueType)type;
    switch (ret->type) {
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_BOOLEAN:
        return get_u32(r, &ret->u, err);
    case VALUE_LLONG:
    case VALUE_ULLONG:
    case VALUE_DOUBLE:
        return get_u64(r, &ret->ul, err);
    case VALUE_STRING:
        return get_string(r, &ret->s, err);
    }
    return get_fail(r, err, "unknown type of value");
}

static gboolean
get_chars(XdrReader *r, char *text, gsize n, GError **err)
{
    for (gsize i = 0; i < n; i++) {
        guint32 c;
        if (!get_u32(r, &c, err))
            return FALSE;
        text[i] = (char)c;
    }
    return TRUE;
}

static gboolean get_struct(XdrReader *r, const WireType *t, gpointer at, GError **err);

static gboolean
get_element(XdrReader *r, const WireField *f, gpointer v, guint32 i, GError **err)
{
    if (f->kind == W_LIST)
        return get_struct(r, f->type, (guint8 *)v + (gsize)i * f->type->size, err);
    if (f->kind == W_STRS)
        return get_string(r, (const char **)v + i, err);
    if (f->kind == W_U64S)
        return get_u64(r, (guint64 *)v + i, err);
    return get_u32(r, (guint32 *)v + i, err);
}

static gsize
element_size(const WireField *f)
{
    if (f->kind == W_LIST)
        return f->type->size;
    if (f->kind == W_STRS)
        return sizeof(char *);
    if (f->kind == W_CHARS)
        return 1;
    return f->kind == W_U64S ? 8 : 4;
}

static gboolean
get_array(XdrReader *r, const WireField *f, gpointer at, GError **err)
{
    Array a = { 0 };

    if (!get_u32(r, &a.n, err))
        return FALSE;
    if (a.n > f->max)
        return get_fail(r, err, "too many elements");
    if (f->kind == W_BYTES) {
        const guint8 *bytes = get_opaque(r, a.n, err);
        if (!bytes)
            return FALSE;
        a.v = (gpointer)arena_strndup(r->arena, (const char *)bytes, a.n);
        memcpy(at, &a, sizeof(a));
        return TRUE;
    }
    /* No element is smaller than a word: a count that the message cannot hold is not believed. */
    if (a.n > (gsize)(r->end - r->p) / 4)
        return get_fail(r, err, "the message ends too early");
    a.v = arena_alloc(r->arena, a.n, element_size(f));
    memcpy(at, &a, sizeof(a));
    if (f->kind == W_CHARS)
        return get_chars(r, a.v, a.n, err);
    for (guint32 i = 0; i < a.n; i++)
        if (!get_element(r, f, a.v, i, err))
            return FALSE;
    return TRUE;
}

static gboolean
get_pointer(XdrReader *r, const WireField *f, gpointer at, GError **err)
{
    guint32 present;

    if (!get_u32(r, &present, err))
        return FALSE;
    if (!present)
        return TRUE;
    if (f->kind == W_OPT_STR)
        return get_string(r, (const char **)at, err);
    gpointer p = arena_alloc(r->arena, 1, f->kind == W_OPT ? f->type->size : 4);
    *(gpointer *)at = p;
    return f->kind == W_OPT ? get_struct(r, f->type, p, err) : get_u32(r, p, err);
}

static gboolean
get_uuid(XdrReader *r, guint8 *ret, GError **err)
{
    const guint8 *uuid = get_opaque(r, 16, err);

    if (uuid)
        memcpy(ret, uuid, 16);
    return uuid != NULL;
}

static gboolean
get_field(XdrReader *r, const WireField *f, gpointer at, GError **err)
{
    switch (f->kind) {
    case W_I32:
    case W_U32:
        return get_u32(r, at, err);
    case W_I64:
    case W_U64:
        return get_u64(r, at, err);
    case W_STR:
        return get_string(r, at, err);
    case W_UUID:
        return get_uuid(r, at, err);
    case W_TEXT:
        return get_chars(r, at, f->max, err);
    case W_REF:
        return get_struct(r, f->type, at, err);
    case W_VALUE:
        return get_value(r, at, err);
    case W_OPT_STR:
    case W_OPT_I32:
    case W_OPT:
        return get_pointer(r, f, at, err);
    case W_LIST:
    case W_I32S:
    case W_U32S:
    case W_U64S:
    case W_STRS:
    case W_BYTES:
    case W_CHARS:
        return get_array(r, f, at, err);
    }
    return get_fail(r, err, "a field of unknown kind");
}

static gboolean
get_struct(XdrReader *r, const WireType *t, gpointer at, GError **err)
{
    for (guint32 i = 0; i < t->n_fields; i++) {
        r->t = t;
        r->f = &t->fields[i];
        if (!get_field(r, r->f, (guint8 *)at + t->fields[i].offset, err))
            return FALSE;
    }
    return TRUE;
}

static gboolean
decode(XdrReader *r, const WireType *t, gpointer ret_message, GError **err)
{
    if (t->size > 0) /* a message of nothing has no place */
        memset(ret_message, 0, t->size);
    return get_struct(r, t, ret_message, err);
}

gboolean
xdr_decode_part(const WireType *t, const guint8 *data, gsize len, Arena *a, gpointer ret_message,
                gsize *ret_used, GError **err)
{
    XdrReader r = { .p = data, .end = data ? data + len : NULL, .arena = a };

    if (!decode(&r, t, ret_message, err))
        return FALSE;
    *ret_used = (gsize)(r.p - data);
    return TRUE;
}

gboolean
xdr_decode_call(const WireType *t, const guint8 *data, gsize len, Arena *a, gpointer ret_message,
                GError **err)
{
    XdrReader r = { .p = data, .end = data ? data + len : NULL, .arena = a, .text_only = TRUE };

    return decode(&r, t, ret_message, err);
}

gboolean
xdr_decode(const WireType *t, const guint8 *data, gsize len, Arena *a, gpointer ret_message,
           GError **err)
{
    gsize used;

    return xdr_decode_part(t, data, len, a, ret_message, &used, err);
}

/* ---- framing */

static guint32
load_u32(const guint8 *p)
{
    guint32 v;

    memcpy(&v, p, 4);
    return GUINT32_FROM_BE(v);
}

void
wire_header_decode(const guint8 *data, WireHeader *ret_h)
{
    *ret_h = (WireHeader){
        .size = load_u32(data),
        .program = load_u32(data + 4),
        .version = load_u32(data + 8),
        .procedure = (gint32)load_u32(data + 12),
        .kind = load_u32(data + 16),
        .serial = load_u32(data + 20),
        .status = load_u32(data + 24),
    };
}

gssize
wire_cut(const guint8 *data, gsize len, gpointer unused)
{
    guint32 size, kind, fds;

    if (len < 4)
        return 0;
    size = load_u32(data);
    if (size < WIRE_HEADER || size > WIRE_MAX)
        return -1;
    if (len < size)
        return 0;
    kind = load_u32(data + 16);
    if (kind != MSG_CALL_FDS && kind != MSG_REPLY_FDS)
        return size;
    if (size < WIRE_HEADER + 4)
        return -1;
    fds = load_u32(data + WIRE_HEADER);
    if (fds > WIRE_FDS_MAX)
        return -1;
    return len < size + fds ? 0 : (gssize)(size + fds);
}

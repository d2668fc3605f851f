/* The row language. One row says all there is to know of one field: where it stands in the XML (or
 * in a message), what it may hold, where it lies in the C struct, what it means. From the rows come
 * parse, format, free, copy, compare, the reference page and the RNG (xml.c, schema.c), JSON
 * (json.c) and the wire (rpc/xdr.c).
 *
 *     static const Field vsock_fields[] = {
 *         ROW(VsockDef, "@model",       F_ENUM, model,    0, virtio_models, "Guest-visible model."),
 *         ROW(VsockDef, "cid/@auto",    F_ENUM, auto_cid, 0, yes_no,        "Pick a free CID."),
 *         ROW(VsockDef, "cid/@address", F_U32,  cid,      F_OPTIONAL, NULL, "Fixed guest CID."),
 *         ROW_END
 *     };
 *     const Schema vsock_schema = { "vsock", sizeof(VsockDef), vsock_fields, vsock_check };
 *
 * Rules across fields are small C functions (check); there is never a second walk over the XML.
 */
#pragma once

#include <glib.h>

typedef struct Schema Schema;
typedef struct Field Field;

/* A list of words; words[0] is always NULL and stands for "absent", so a zeroed struct is empty. */
typedef const char *const *Words;

typedef enum FieldKind {
    F_END,
    F_STRING, /* char *, NULL when absent */
    F_I32,    /* gint32 */
    F_U32,    /* guint32 */
    F_I64,    /* gint64 */
    F_U64,    /* guint64 */
    F_DOUBLE, /* gdouble */
    F_ENUM,   /* int, 0 when absent; arg: Words */
    F_FLAG,   /* gboolean: the element is there (XML); an int 0 or 1 (wire) */
    F_UUID,   /* guint8[16] */
    F_STRUCT, /* a struct inside this one; arg: Schema */
    F_PTR,    /* pointer to a struct, NULL when absent; arg: Schema */
    F_LIST,   /* GPtrArray * of structs, NULL when empty; arg: Schema */
    F_STRINGS, /* char **, NULL-terminated, NULL when empty (wire: array of strings) */
    F_BYTES,  /* GBytes *, NULL when empty (wire: opaque) */
    /* Kinds below belong to XML alone; xml.c is their reference. */
    F_XML,    /* char *: a subtree kept byte for byte */
    F_FIRST_OWN = 64 /* kinds with their own FieldType, see schema.c */
} FieldKind;

typedef enum FieldFlags {
    F_OPTIONAL = 1 << 0, /* wire: a pointer (0/1 and the value). XML: has a companion has_ field */
    F_REQUIRED = 1 << 1, /* XML: its absence is an error that names element and line */
    F_SECRET = 1 << 2,   /* XML: written only for DUMP_SECURE */
    F_LIVE = 1 << 3,     /* XML: written only for a running object */
} FieldFlags;

struct Field {
    const char *path; /* "@a", "el", "el/@a", "el/el/@a", "." for the element's own text */
    FieldKind kind;
    guint offset;
    guint flags;
    const void *arg; /* Words, Schema or a FieldType, as the kind says */
    const char *doc; /* one sentence for the reference page */
    guint64 max;     /* wire: bound of a string, list or bytes; 0: the protocol's own */
};

struct Schema {
    const char *name; /* element, or message */
    gsize size;
    const Field *fields;
    gboolean (*check)(gconstpointer def, GError **err); /* rules inside this struct; may be NULL */
};

#define ROW(type, path, kind, member, flags, arg, doc)                                             \
    {                                                                                              \
        path, kind, G_STRUCT_OFFSET(type, member), flags, arg, doc, 0                              \
    }
#define ROW_END                                                                                    \
    {                                                                                              \
        0                                                                                          \
    }

/* ---- over any schema (schema.c) */

gpointer schema_new(const Schema *s);                 /* zeroed */
void schema_free(const Schema *s, gpointer def);      /* NULL is fine */
void schema_done(const Schema *s, gpointer def);      /* contents only; twice is safe */
gpointer schema_copy(const Schema *s, gconstpointer def);
gboolean schema_equal(const Schema *s, gconstpointer a, gconstpointer b);
int word_find(Words words, const char *word);         /* 0: not a word of it */
const char *word_of(Words words, int value);          /* NULL for 0 and out of range */

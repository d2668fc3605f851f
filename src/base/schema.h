/* The row language. One row says all there is to know of one field of a definition: where it
 * stands in the XML, what it may hold, where it lies in the C struct, what it means. From the rows
 * come parse and format (xml.c), free, copy and compare (schema.c), the reference page and the RNG.
 *
 *     static const Field vsock_fields[] = {
 *         ROW(VsockDef, "@model", F_ENUM, model, 0, virtio_models, "Guest-visible model."),
 *         ROW(VsockDef, "cid/@auto", F_ENUM, auto_cid, 0, yes_no, "Pick a free CID."),
 *         ROW(VsockDef, "cid/@address", F_U32, cid, 0, RANGE(3, G_MAXUINT32), "Fixed CID."),
 *         ROW_END
 *     };
 *     const Schema vsock_schema = { "vsock", sizeof(VsockDef), vsock_fields };
 *
 * Paths. "@a" is an attribute of the struct's own element, "el" a child element, "el/el/@a" goes
 * down, "." is the element's own text, "#" its name (for lists of several names, see F_LIST). An
 * empty path on F_STRUCT or F_PTR splices the rows of the inner schema into this element.
 *
 * Order. Rows are read and written in the order they stand in: attributes of an element before its
 * children, a field that decides about others (WHEN) before those.
 *
 * Absent. A zeroed struct is an empty one: NULL, 0 and an empty list are "not there" and are not
 * written. Where 0 is a value, ROW_HAS keeps beside it whether it is there (guint8 has_MEMBER).
 *
 * Rules across fields are small C functions (settle, check); there is no second walk of the XML.
 */
#pragma once

#include <glib.h>

#include "bitmap.h"
#include "json.h"

typedef struct Schema Schema;
typedef struct Field Field;

/* A list of words; words[0] is always NULL and stands for "absent", so a zeroed struct is empty. */
typedef const char *const *Words;

typedef enum FieldKind {
    F_END,
    F_STRING,  /* char *, NULL when absent */
    F_I32,     /* gint32; arg: NULL, RANGE or HEX */
    F_U32,     /* guint32; arg: the same */
    F_I64,     /* gint64 */
    F_U64,     /* guint64 */
    F_ENUM,    /* int, 0 when absent; arg: Words */
    F_FLAG,    /* gboolean: the element is there */
    F_UUID,    /* guint8[16], all zero when absent */
    F_MAC,     /* guint8[6], all zero when absent */
    F_SIZE,    /* guint64 with a unit attribute beside it; arg: SizeSpec */
    F_BITMAP,  /* Bitmap *: "0-3,^2" */
    F_XML,     /* char *: the element and all in it, kept as it is */
    F_OWN,     /* arg: a FieldType of the room's own */
    F_STRINGS, /* char **, NULL-terminated, NULL when empty: the text of each such element */
    F_STRUCT,  /* a struct inside this one; arg: Schema */
    F_PTR,     /* pointer to a struct, NULL when absent; arg: Schema. For what is rare */
    /* GPtrArray of structs, NULL when empty; arg: Schema. The path ends in the items' name, or in
     * "*" when the inner schema has a "#" row with the words of all names it takes. */
    F_LIST,
    F_REFUSED, /* libvirt knows it, we do not do it: its presence is an error that names it */
    F_IGNORED, /* known to mean nothing here: read over without a warning */
    F_WHEN,    /* see WHEN */
} FieldKind;

/* The doc of a row whose path another one tells of, under another WHEN. */
extern const char told_below[];
#define TOLD_BELOW told_below

typedef enum FieldFlags {
    F_REQUIRED = 1 << 0, /* its absence is an error that names element and line */
    F_ALWAYS = 1 << 1,   /* written also when it is 0 or empty */
    F_SECRET = 1 << 2,   /* written only for XML_SECURE */
    F_LIVE = 1 << 3,     /* read and written only with XML_LIVE: what a running object adds */
    F_LAST = 1 << 4,     /* of several such elements the last counts, not the first */
    F_DEFAULT = 1 << 5,  /* the word "default" is taken and means absent */
    F_NONEMPTY = 1 << 6, /* an empty attribute is as none */
    F_READ = 1 << 7,     /* never written: an old spelling of another row */
    F_WRITE = 1 << 8,    /* never read */
    F_ONCE = 1 << 9,     /* a second such element is an error */
    F_STATE = 1 << 10,   /* does not count when definitions are compared */
    F_FILLED = 1 << 11,  /* of F_PTR: no element is written when nothing would be in it */
    /* Where several elements have one name, the first counts, unless their schema says otherwise
     * (SchemaSeveral); but the document's root has the lists of all of them. Below it: */
    F_JOINED = 1 << 12, /* of F_STRUCT and F_PTR: lists in it come from all such elements; of a
                           list: from all elements that hold its items */
    F_NEAR = 1 << 13,   /* of a list, and of F_ONCE: from the first alone; joined: first of each */
    F_HELD = 1 << 14,   /* of an attribute with F_REQUIRED: where its element is there */
    F_TEXT = 1 << 15,   /* an element that is there has a text: an empty one is a wrong value */
    F_HOT = 1 << 16,    /* may change while what it defines runs; of F_PTR and lists: come and go */
    F_SAVED = 1 << 17,  /* read and written only with XML_SAVED; to clients it is not there */
} FieldFlags;

/* Said beside the flags of a row: the error code of a wrong value (else ERR_XML_VALUE), and of a
 * missing one (else ERR_XML_VALUE; implies F_REQUIRED). Some fields have another one, and clients
 * know it. */
#define F_ERR(code)     (((guint64)(code) + 1) << 32)
#define F_MISSING(code) ((((guint64)(code) + 1) << 40) | F_REQUIRED)

struct Field {
    const char *path;
    FieldKind kind;
    guint offset;
    guint32 flags;   /* FieldFlags */
    guint8 wrong;    /* F_ERR: an Err + 1, or 0 */
    guint8 missing;  /* F_MISSING, likewise */
    const void *arg; /* as the kind says */
    const char *doc; /* one sentence for the reference page, or TOLD_BELOW */
    guint has;       /* offset of guint8 has_MEMBER; 0: the value itself tells */
    guint64 mask;    /* WHEN */
};

/* What fields mean that stand in several elements of one struct. Lists go by F_JOINED. */
typedef enum SchemaSeveral {
    SEVERAL_FIRST_ELEMENT, /* what stands in the others has no effect */
    /* With F_JOINED: of each field the first one counts, in whichever of them it stands. */
    SEVERAL_FIRST_FIELD,
    /* All are as one, and so are elements of one name in it: of each field the last one counts. */
    SEVERAL_LAST_FIELD,
} SchemaSeveral;

struct Schema {
    const char *name; /* of the element */
    gsize size;
    const Field *fields;
    /* Rules inside this struct, run when its rows have been read; may complete the struct. The
     * engine adds the line to its error. */
    gboolean (*settle)(gpointer def, GError **err);
    /* What no row knows is an error even without XML_VALIDATE; "feature": how it names that. */
    const char *closed;
    SchemaSeveral several;
};

#define FIELD_FLAGS(flags)                                                                         \
    (guint32)((flags)&G_MAXUINT32), (guint8)((guint64)(flags) >> 32),                              \
        (guint8)((guint64)(flags) >> 40)
#define ROW(type, path, kind, member, flags, arg, doc)                                             \
    {                                                                                              \
        path, kind, G_STRUCT_OFFSET(type, member), FIELD_FLAGS(flags), arg, doc, 0, 0              \
    }
/* 0 is a value of this field; has_MEMBER tells whether it is there. */
#define ROW_HAS(type, path, kind, member, flags, arg, doc)                                         \
    {                                                                                              \
        path, kind, G_STRUCT_OFFSET(type, member), FIELD_FLAGS(flags), arg, doc,                   \
            G_STRUCT_OFFSET(type, has_##member), 0                                                 \
    }
/* No field behind it. */
#define ROW_REFUSED(path, doc)                                                                     \
    {                                                                                              \
        path, F_REFUSED, 0, 0, 0, 0, NULL, doc, 0, 0                                               \
    }
#define ROW_IGNORED(path)                                                                          \
    {                                                                                              \
        path, F_IGNORED, 0, 0, 0, 0, NULL, NULL, 0, 0                                              \
    }
/* The rows that follow, up to the next WHEN or WHEN_END, are there only while the int member holds
 * one of these values: WHEN(DiskDef, type, BIT(DISK_FILE) | BIT(DISK_BLOCK)). Members of rows under
 * different values may share memory (a union). */
#define WHEN(type, member, values)                                                                 \
    {                                                                                              \
        "", F_WHEN, G_STRUCT_OFFSET(type, member), 0, 0, 0, NULL, NULL, 0, (values)                \
    }
#define WHEN_END                                                                                   \
    {                                                                                              \
        "", F_WHEN, 0, 0, 0, 0, NULL, NULL, 0, 0                                                   \
    }
#define ROW_END                                                                                    \
    {                                                                                              \
        0                                                                                          \
    }
#define BIT(n) (G_GUINT64_CONSTANT(1) << (n))

/* Bounds and spelling of a number. A format with an x reads hexadecimal, octal and decimal. */
/* How a number is spelled. "As in C" takes 0x for hexadecimal and 0 for octal. */
typedef enum NumText {
    NUM_DECIMAL,
    NUM_ANY,      /* read as in C, written as decimal */
    NUM_HEX,      /* read as in C, written behind 0x */
    NUM_HEX_ONLY, /* read as hexadecimal with and without 0x, written behind it */
} NumText;

typedef struct NumSpec {
    gint64 min;
    guint64 max;
    NumText text;
    guint digits;  /* of hexadecimal: zeros are written up to that many */
    gboolean wrap; /* -1 is the largest one, as C reads it */
} NumSpec;
#define RANGE(lo, hi)  (&(const NumSpec){ lo, hi })
#define WRAPS          (&(const NumSpec){ 0, G_MAXUINT64, .wrap = TRUE })
#define HEX(width, hi) (&(const NumSpec){ 0, hi, NUM_HEX, width })
#define HEX_BARE(hi)   (&(const NumSpec){ 0, hi, NUM_HEX })
#define HEX_ONLY(hi)   (&(const NumSpec){ 0, hi, NUM_HEX_ONLY })

typedef struct SizeSpec {
    guint64 bare;     /* bytes in 1 of a number without unit */
    guint64 stored;   /* bytes in 1 of the struct's number; what is read is rounded up */
    const char *unit; /* written; NULL: none; "": the largest that fits */
    guint64 max;      /* in stored units; 0: none */
} SizeSpec;
extern const SizeSpec size_kib;   /* KiB in, KiB stored, KiB out: memory */
extern const SizeSpec size_bytes; /* bytes in, stored and out */

/* How a value of one kind is read, written and held. The kinds above have one each; F_OWN names
 * another. `at` is the member. */
typedef struct FieldType {
    const char *name; /* for the reference page: "integer", "MAC address" */
    const char *want; /* ends the error for a wrong value: "Expected integer value"; may be NULL */
    gsize size;       /* of the member */
    /* FALSE without an error: the engine says which attribute of which element is wrong. */
    gboolean (*parse)(const Field *f, const char *text, gpointer at, GError **err);
    void (*format)(const Field *f, gconstpointer at, GString *out); /* not escaped */
    gboolean (*present)(gconstpointer at);                          /* NULL: any byte is not zero */
    void (*clear)(gpointer at);                                     /* NULL: owns nothing */
    void (*copy)(gpointer to, gconstpointer from);                  /* NULL: bytes */
    gboolean (*equal)(gconstpointer a, gconstpointer b);            /* NULL: bytes */
} FieldType;

extern const char *const yes_no[]; /* 1 yes, 2 no */
extern const char *const on_off[]; /* 1 on, 2 off */
enum { YES = 1, NO = 2, ON = 1, OFF = 2 };

/* ---- over any schema (schema.c) ---------------------------------------------------------- */

gpointer schema_new(const Schema *s);            /* zeroed */
void schema_free(const Schema *s, gpointer def); /* NULL is fine */
void schema_done(const Schema *s, gpointer def); /* contents only; twice is safe */
gpointer schema_copy(const Schema *s, gconstpointer def);
gboolean schema_equal(const Schema *s, gconstpointer a, gconstpointer b);
/* Calls visit for every field that differs; path is where it stands ("devices/disk[1]/@type").
 * visit returns FALSE to stop. Lists of different length differ as a whole. TRUE: all equal. */
typedef gboolean (*SchemaVisit)(const char *path, const Field *f, gpointer user);
gboolean schema_compare(const Schema *s, gconstpointer a, gconstpointer b, SchemaVisit visit,
                        gpointer user);
/* An unsigned number, as documents write it: blanks and a plus may stand before it, nothing behind
 * it. base: as of strtoull. FALSE, and nothing written: it is none, or above 64 bits. */
gboolean number_read(const char *text, int base, guint64 *ret_n);
/* Calls look for every field that is there, in def and in the structs in it: s and at are the
 * schema and the struct that has the field. path is as above, for xml_line. Nothing is called for a
 * pointer or a list of which no element would be written. look returns FALSE to stop. TRUE: it
 * never did. */
typedef gboolean (*SchemaLook)(const char *path, const Schema *s, const Field *f, gconstpointer at,
                               gpointer user);
gboolean schema_walk(const Schema *s, gconstpointer def, SchemaLook look, gpointer user);
int word_find(Words words, const char *word); /* 0: not a word of it */
const char *word_of(Words words, int value);  /* NULL for 0 and out of range */

/* For the engines themselves, and for who walks rows (the reference page). */
const FieldType *field_type(const Field *f); /* NULL for kinds that hold structs */
gboolean field_present(const Field *f, gconstpointer def);
/* Whether the rows after this F_WHEN row hold for def. */
gboolean when_holds(const Field *when, gconstpointer def);
/* The unit that *n, in stored units, is written with; *n becomes a number of these. */
const char *size_unit_of(const SizeSpec *spec, guint64 *n);
gboolean size_unit_find(const char *unit, guint64 *ret_bytes); /* "KiB", "MB", "G", "bytes" */

/* ---- shapes (shape.c) -------------------------------------------------------------------- */

/* An element or an attribute, and the rows that speak of it. What an element of one schema and
 * nothing beside it holds, is in the shape of that schema. */
typedef struct Shape {
    char *name; /* without the '@' */
    gboolean is_attr;
    gboolean needed;   /* it must be there */
    gboolean many;     /* it may be there several times */
    gboolean any;      /* nobody looks at what is in it */
    gboolean refused;  /* its presence is refused by a row */
    GPtrArray *values; /* of const Field *: what its text may be */
    GPtrArray *refs;   /* of const Schema *: of the elements of one row each */
    GPtrArray *kids;   /* of Shape */
} Shape;

/* Of the element that has this schema: refs of its own are none. */
Shape *shape_new(const Schema *s);
void shape_free(Shape *shape);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Shape, shape_free)
/* Puts what several schemas, or one and rows beside it, say of an element into its own kids and
 * values. One schema alone stays what it is. */
void shape_merge(Shape *shape);
gboolean shape_has_elements(const Shape *shape);
gboolean shape_is_text(const Shape *shape); /* some row takes any text */

/* ---- XML (xml.c, xml_write.c) ------------------------------------------------------------ */

typedef enum XmlFlags {
    XML_SECURE = 1 << 0,   /* write secrets */
    XML_LIVE = 1 << 1,     /* read and write what only a running object has */
    XML_VALIDATE = 1 << 2, /* refuse what no row knows, rather than warn */
    XML_SAVED = 1 << 3,    /* read and write what the daemon has for itself, in files of its own */
} XmlFlags;

#define XML_DOCUMENT_MAX (8 << 20) /* bytes of the largest document that is read */

/* A namespace whose elements rows may name with its prefix ("qemu:commandline/qemu:arg"). */
typedef struct XmlNamespace {
    const char *prefix;
    const char *uri;
} XmlNamespace;

/* Reads a whole document. Every error names the element and its line. len -1: strlen. Input that is
 * no XML is ERR_XML_DETAIL. Documents above XML_DOCUMENT_MAX, with entities or nested beyond reason
 * are refused. namespaces: NULL, or ended by an empty one. */
gpointer xml_parse(const Schema *s, const XmlNamespace *namespaces, const char *text, gssize len,
                   guint flags, GError **err);
/* The same. What no row knows is added to unknown, a sentence each that names it and its line, at
 * most 8; NULL: it is logged as warnings. */
gpointer xml_parse_noting(const Schema *s, const XmlNamespace *namespaces, const char *text,
                          gssize len, guint flags, GPtrArray *unknown, GError **err);
/* Whether it is XML at all; a fraction of the time that reading it takes. */
gboolean xml_is_well_formed(const char *text, gsize len);
/* Appends text as an attribute's value or an element's text. */
void xml_escape(GString *out, const char *text, gboolean attribute);
/* Whether text can stand in a document: UTF-8 of characters that XML has. what names it in the
 * error, which is ERR_INVALID_ARG: "title". */
gboolean xml_text_check(const char *what, const char *text, GError **err);
/* An element of libxml2's (an xmlNode) as text, with the namespaces that were declared above it.
 * Caller frees. */
char *xml_dump(gpointer element, gboolean indent);
/* The URI of a namespace (an xmlNs) of a tree that was read: libxml2 has "&#38;" in it for '&'.
 * Caller frees. */
char *xml_uri_plain(const char *href);
/* Of an element's text: without those of its children that have no namespace, or one that an
 * earlier child has. NULL: nothing was to be left out; "": nothing is left. Caller frees. */
char *xml_one_per_namespace(const char *text);
/* The line that a path of schema_walk leads to in a document ("devices/disk[1]/@type"): of the
 * element that has the attribute, or of the deepest element on the way that is there. 0: the text
 * is no XML. */
glong xml_line(const char *text, const char *path);
/* Name of the root element, for documents that may be of several kinds. Caller frees. */
char *xml_root_name(const char *text, gssize len, GError **err);
/* Indented by two spaces; ends in a newline. Caller frees. */
char *xml_format(const Schema *s, const XmlNamespace *namespaces, gconstpointer def, guint flags);
/* The same. *ret_secret: the text with XML_SECURE and the one without it differ. */
char *xml_format_noting(const Schema *s, const XmlNamespace *namespaces, gconstpointer def,
                        guint flags, gboolean *ret_secret);

/* ---- JSON (schema_json.c) ------------------------------------------------------------------ */

/* An object with a member for every row that is present; the caller puts it. flags: XML_SECURE and
 * XML_LIVE, as for XML. Of a path "a/@b" the member is "b" in an object "a". Rows "*" and "#" have
 * members of these names. */
json_object *schema_to_json(const Schema *s, gconstpointer def, guint flags);
/* A new struct, or NULL with an error that names the member: one that is missing and must be there,
 * one of a wrong type, a number out of its bounds. Members that no row knows are ignored. */
gpointer schema_from_json(const Schema *s, json_object *o, guint flags, GError **err);
/* The same into a struct that is there already; what has no member stays as it is. Lists grow.
 * After an error def holds what came before it. */
gboolean schema_read_json(const Schema *s, json_object *o, guint flags, gpointer def, GError **err);

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
    F_REFUSED, /* libvirt knows it and vmd does not do it: a document that has it is refused with an
                  error that names it */
    F_IGNORED, /* it has no effect here: accepted without a warning */
    F_WHEN,    /* see WHEN */
} FieldKind;

/* The doc of a row when another row of the same path, under another WHEN, has the explanation. */
extern const char told_below[];
#define TOLD_BELOW told_below

typedef enum FieldFlags {
    F_REQUIRED = 1 << 0, /* when it is absent, an error names element and line */
    F_ALWAYS = 1 << 1,   /* written even when it is 0 or empty */
    F_SECRET = 1 << 2,   /* written only with XML_SECURE */
    F_LIVE = 1 << 3,     /* read and written only with XML_LIVE: only a running object has it */
    F_LAST = 1 << 4,     /* of several such elements the last one counts, not the first */
    F_DEFAULT = 1 << 5,  /* the word "default" is accepted and means absent */
    F_NONEMPTY = 1 << 6, /* an empty attribute counts as absent */
    F_READ = 1 << 7,     /* never written: an old spelling of another row */
    F_WRITE = 1 << 8,    /* never read */
    F_ONCE = 1 << 9,     /* a second such element is an error */
    F_STATE = 1 << 10,   /* left out when definitions are compared */
    F_FILLED = 1 << 11,  /* of F_PTR: no element is written when it would be empty */
    /* Where several elements have the same name, the first one counts, unless their schema says
     * otherwise (SchemaSeveral). In the document's root all of them count for lists. Below the
     * root: */
    F_JOINED = 1 << 12, /* of F_STRUCT and F_PTR: lists in it come from all such elements; of a
                           list: items come from all elements that hold some */
    F_NEAR = 1 << 13, /* of a list, and of F_ONCE: only the first element counts; joined: the first
                         of each */
    F_HELD = 1
             << 14, /* of an attribute with F_REQUIRED: required only where its element is there */
    F_TEXT = 1 << 15, /* an element that is there must have a text: an empty one is a wrong value */
    F_HOT = 1
            << 16, /* may change while the object runs; of F_PTR and lists: items may come and go */
    F_SAVED = 1 << 17, /* read and written only with XML_SAVED: clients never see it */
} FieldFlags;

/* Combined with the flags of a row: the error code for a wrong value (otherwise ERR_XML_VALUE), and
 * for a missing one (otherwise ERR_XML_VALUE; this implies F_REQUIRED). They are there because
 * clients expect another code for some fields. */
#define F_ERR(code)     (((guint64)(code) + 1) << 32)
#define F_MISSING(code) ((((guint64)(code) + 1) << 40) | F_REQUIRED)

struct Field {
    const char *path;
    FieldKind kind;
    guint offset;
    guint32 flags;   /* FieldFlags */
    guint8 wrong;    /* F_ERR: an Err + 1, or 0 */
    guint8 missing;  /* F_MISSING, likewise */
    const void *arg; /* see FieldKind */
    const char *doc; /* a sentence for the reference page, or TOLD_BELOW */
    guint has;       /* offset of guint8 has_MEMBER; 0: the value itself tells */
    guint64 mask;    /* WHEN */
};

/* Which value counts when a field stands in several elements of one struct. Lists go by F_JOINED.
 */
typedef enum SchemaSeveral {
    SEVERAL_FIRST_ELEMENT, /* those in the other elements have no effect */
    /* With F_JOINED: of each field the first value counts, in whichever element it stands. */
    SEVERAL_FIRST_FIELD,
    /* All are read as one element, and so are elements of the same name in them: of each field the
     * last value counts. */
    SEVERAL_LAST_FIELD,
} SchemaSeveral;

struct Schema {
    const char *name; /* name of the element */
    gsize size;
    const Field *fields;
    /* Rules across the fields of this struct; called when its rows have been read, and may fill in
     * fields. The engine adds the line to its error. */
    gboolean (*settle)(gpointer def, GError **err);
    /* Not NULL: whatever no row knows is an error even without XML_VALIDATE; the word ("feature")
     * names it in that error. */
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
/* For a field that may be 0: has_MEMBER says whether it is there. */
#define ROW_HAS(type, path, kind, member, flags, arg, doc)                                         \
    {                                                                                              \
        path, kind, G_STRUCT_OFFSET(type, member), FIELD_FLAGS(flags), arg, doc,                   \
            G_STRUCT_OFFSET(type, has_##member), 0                                                 \
    }
/* A row without a member in the struct. */
#define ROW_REFUSED(path, doc)                                                                     \
    {                                                                                              \
        path, F_REFUSED, 0, 0, 0, 0, NULL, doc, 0, 0                                               \
    }
#define ROW_IGNORED(path)                                                                          \
    {                                                                                              \
        path, F_IGNORED, 0, 0, 0, 0, NULL, NULL, 0, 0                                              \
    }
/* The rows that follow, up to the next WHEN or WHEN_END, hold only while the int member has one of
 * these values: WHEN(DiskDef, type, BIT(DISK_FILE) | BIT(DISK_BLOCK)). Members of rows under
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

/* How a number is spelled. "As in C" means that 0x begins a hexadecimal and 0 an octal number. */
typedef enum NumText {
    NUM_DECIMAL,
    NUM_ANY,      /* read as in C, written as decimal */
    NUM_HEX,      /* read as in C, written with 0x */
    NUM_HEX_ONLY, /* read as hexadecimal with or without 0x, written with it */
} NumText;

/* Bounds and spelling of a number. */
typedef struct NumSpec {
    gint64 min;
    guint64 max;
    NumText text;
    guint digits;  /* of a hexadecimal number: it is written with at least so many */
    gboolean wrap; /* -1 means the largest number, as strtoull(3) reads it */
} NumSpec;
#define RANGE(lo, hi)  (&(const NumSpec){ lo, hi })
#define WRAPS          (&(const NumSpec){ 0, G_MAXUINT64, .wrap = TRUE })
#define HEX(width, hi) (&(const NumSpec){ 0, hi, NUM_HEX, width })
#define HEX_BARE(hi)   (&(const NumSpec){ 0, hi, NUM_HEX })
#define HEX_ONLY(hi)   (&(const NumSpec){ 0, hi, NUM_HEX_ONLY })

typedef struct SizeSpec {
    guint64 bare;     /* bytes that 1 means in a number without unit */
    guint64 stored;   /* bytes that 1 means in the struct; the value is rounded up */
    const char *unit; /* unit that is written; NULL: none; "": the largest that divides it */
    guint64 max;      /* in stored units; 0: none */
} SizeSpec;
extern const SizeSpec size_kib;   /* read, stored and written in KiB: memory */
extern const SizeSpec size_bytes; /* read, stored and written in bytes */

/* How values of one kind are read, written and stored. Each kind above has one; F_OWN names
 * another. `at` points to the member. */
typedef struct FieldType {
    const char *name; /* for the reference page: "integer", "MAC address" */
    const char *want; /* ends the error for a wrong value: "Expected integer value"; may be NULL */
    gsize size;       /* of the member */
    /* FALSE without an error: the engine makes one, which names attribute and element. */
    gboolean (*parse)(const Field *f, const char *text, gpointer at, GError **err);
    void (*format)(const Field *f, gconstpointer at, GString *out); /* not escaped */
    gboolean (*present)(
        gconstpointer at);      /* NULL: it is present when any of its bytes is not zero */
    void (*clear)(gpointer at); /* NULL: owns nothing */
    void (*copy)(gpointer to, gconstpointer from);       /* NULL: bytes */
    gboolean (*equal)(gconstpointer a, gconstpointer b); /* NULL: bytes */
} FieldType;

extern const char *const yes_no[]; /* 1 yes, 2 no */
extern const char *const on_off[]; /* 1 on, 2 off */
enum { YES = 1, NO = 2, ON = 1, OFF = 2 };

/* ---- over any schema (schema.c) ---------------------------------------------------------- */

gpointer schema_new(const Schema *s);            /* zeroed */
void schema_free(const Schema *s, gpointer def); /* NULL is fine */
void schema_done(const Schema *s, gpointer def); /* frees the contents only; may be called twice */
gpointer schema_copy(const Schema *s, gconstpointer def);
gboolean schema_equal(const Schema *s, gconstpointer a, gconstpointer b);
/* Calls visit for every field that differs, with the path at which it stands
 * ("devices/disk[1]/@type"). visit returns FALSE to stop. Lists of different length differ as a
 * whole. Returns TRUE when all fields are equal. */
typedef gboolean (*SchemaVisit)(const char *path, const Field *f, gpointer user);
gboolean schema_compare(const Schema *s, gconstpointer a, gconstpointer b, SchemaVisit visit,
                        gpointer user);
/* Reads an unsigned number as documents have it: blanks and a plus sign may stand before it,
 * nothing after it. base: as for strtoull(3). FALSE, and nothing written: the text is no number, or
 * is above 64 bits. */
gboolean number_read(const char *text, int base, guint64 *ret_n);
/* Calls look for every field that is present in def and in the structs inside it; s and at are the
 * schema and the struct that holds the field, path is as above (see xml_line). look is not called
 * for a pointer or a list of which no element would be written; it returns FALSE to stop. Returns
 * TRUE if it never did. */
typedef gboolean (*SchemaLook)(const char *path, const Schema *s, const Field *f, gconstpointer at,
                               gpointer user);
gboolean schema_walk(const Schema *s, gconstpointer def, SchemaLook look, gpointer user);
int word_find(Words words, const char *word); /* 0: the list has no such word */
const char *word_of(Words words, int value);  /* NULL for 0 and out of range */

/* For the engines themselves, and for programs that walk the rows (the reference page). */
const FieldType *field_type(const Field *f); /* NULL for kinds that hold structs */
gboolean field_present(const Field *f, gconstpointer def);
/* Whether the rows after this F_WHEN row hold for def. */
gboolean when_holds(const Field *when, gconstpointer def);
/* The unit in which *n, a number of stored units, is written; *n becomes a number of that unit.
 * NULL: no unit is written. */
const char *size_unit_of(const SizeSpec *spec, guint64 *n);
gboolean size_unit_find(const char *unit, guint64 *ret_bytes); /* "KiB", "MB", "G", "bytes" */

/* ---- shapes (shape.c) -------------------------------------------------------------------- */

/* An element or an attribute, with the rows that describe it. Where one schema alone describes an
 * element, its content is in the shape of that schema. */
typedef struct Shape {
    char *name; /* without the '@' */
    gboolean is_attr;
    gboolean needed;   /* it must be there */
    gboolean many;     /* it may be there several times */
    gboolean any;      /* its content is not checked */
    gboolean refused;  /* a row refuses it */
    GPtrArray *values; /* of const Field *: rows that say what its text may be */
    GPtrArray *refs;   /* of const Schema *: one for each row whose elements have a schema */
    GPtrArray *kids;   /* of Shape */
} Shape;

/* The shape of an element that has this schema; its own refs are empty. Free with shape_free. */
Shape *shape_new(const Schema *s);
void shape_free(Shape *shape);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Shape, shape_free)
/* Merges the descriptions of an element that several schemas, or one schema and rows beside it,
 * describe into its own kids and values. An element of a single schema is left as it is. */
void shape_merge(Shape *shape);
gboolean shape_has_elements(const Shape *shape);
gboolean shape_is_text(const Shape *shape); /* a row accepts any text */

/* ---- XML (xml.c, xml_write.c) ------------------------------------------------------------ */

typedef enum XmlFlags {
    XML_SECURE = 1 << 0, /* write secrets */
    XML_LIVE = 1 << 1,   /* read and write the fields that only a running object has */
    XML_VALIDATE = 1
                   << 2, /* refuse elements and attributes that no row knows, instead of warning */
    XML_SAVED = 1 << 3,  /* read and write fields for the daemon's own files */
} XmlFlags;

#define XML_DOCUMENT_MAX (8 << 20) /* bytes of the largest document that is read */

/* A namespace that rows name by its prefix ("qemu:commandline/qemu:arg"). */
typedef struct XmlNamespace {
    const char *prefix;
    const char *uri;
} XmlNamespace;

/* Reads a whole document into a new struct; free it with schema_free. Every error names the element
 * and its line. len in bytes, -1: strlen. Input that is no XML is ERR_XML_DETAIL. Documents above
 * XML_DOCUMENT_MAX, with entities or nested too deep are refused. flags: XmlFlags. namespaces:
 * NULL, or an array that ends with an empty one. */
gpointer xml_parse(const Schema *s, const XmlNamespace *namespaces, const char *text, gssize len,
                   guint flags, GError **err);
/* The same. Elements and attributes that no row knows are added to unknown, as a sentence each that
 * names it and its line, at most 8. unknown NULL: they are logged as warnings. */
gpointer xml_parse_noting(const Schema *s, const XmlNamespace *namespaces, const char *text,
                          gssize len, guint flags, GPtrArray *unknown, GError **err);
/* Whether the text is well-formed XML. Takes a fraction of the time of xml_parse. */
gboolean xml_is_well_formed(const char *text, gsize len);
/* Appends text, escaped as an attribute's value or as an element's text. */
void xml_escape(GString *out, const char *text, gboolean attribute);
/* Whether text can stand in a document: it must be UTF-8, of characters that XML allows. what
 * ("title") names it in the error, which is ERR_INVALID_ARG. */
gboolean xml_text_check(const char *what, const char *text, GError **err);
/* An element of libxml2 (an xmlNode) as text, with the namespaces that were declared above it. The
 * caller frees it. */
char *xml_dump(gpointer element, gboolean indent);
/* The URI of a namespace (an xmlNs) in a tree that was read: libxml2 keeps '&' in it as "&#38;".
 * The caller frees it. */
char *xml_uri_plain(const char *href);
/* Returns an element's text without those of its children that have no namespace, or the namespace
 * of an earlier child. NULL: nothing had to be left out; "": nothing is left. The caller frees it.
 */
char *xml_one_per_namespace(const char *text);
/* The line of a document that a path of schema_walk leads to ("devices/disk[1]/@type"): that of the
 * element with the attribute, or of the deepest element of the path that exists. 0: the text is no
 * XML. */
glong xml_line(const char *text, const char *path);
/* Name of the root element, for documents that may be of several kinds. NULL and an error: the text
 * is no XML. The caller frees it. */
char *xml_root_name(const char *text, gssize len, GError **err);
/* Writes a document, indented by two spaces, which ends in a newline. flags: XmlFlags. The caller
 * frees it. */
char *xml_format(const Schema *s, const XmlNamespace *namespaces, gconstpointer def, guint flags);
/* The same. *ret_secret is set to whether the text would differ with XML_SECURE. */
char *xml_format_noting(const Schema *s, const XmlNamespace *namespaces, gconstpointer def,
                        guint flags, gboolean *ret_secret);

/* ---- JSON (schema_json.c) ------------------------------------------------------------------ */

/* Makes an object with a member for every row that is present; the caller puts it. flags:
 * XML_SECURE and XML_LIVE, as for XML. The path "a/@b" becomes the member "b" of an object "a";
 * rows "*" and "#" become members of these names. */
json_object *schema_to_json(const Schema *s, gconstpointer def, guint flags);
/* Reads a new struct; free it with schema_free. NULL with an error that names the member: it is
 * missing and required, has a wrong type, or is a number out of bounds. Members that no row knows
 * are ignored. */
gpointer schema_from_json(const Schema *s, json_object *o, guint flags, GError **err);
/* The same into an existing struct; a field without a member stays as it is, lists grow. After an
 * error def holds all that came before the fault. */
gboolean schema_read_json(const Schema *s, json_object *o, guint flags, gpointer def, GError **err);

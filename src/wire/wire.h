/* wire: libvirt's remote protocol as a table, and the codec that follows it; for the daemon and for
 * clients.
 *
 * The protocol is described once, in table/: a MESSAGE row for each struct that is sent, a PROC row
 * for each procedure. The C structs below, the encoder, the decoder, the dispatcher and the calls
 * of vmsh come from these rows. A new procedure is one PROC row and its messages.
 *
 *     MESSAGE(DomainGetInfoRet, U32(state), U64(max_mem), U64(memory), U32(nr_virt_cpu), ...)
 *     PROC(16, DOMAIN_GET_INFO, DomainGetInfoArgs, DomainGetInfoRet, DOMAIN, READ)
 *
 * The words of a MESSAGE row, and the C type of each:
 *     I32 U32 I64 U64          the number
 *     STR, OPT_STR             const char *; OPT_STR may be NULL
 *     UUID                     guint8[16]
 *     REF(name, T)             a T inside
 *     OPT(name, T)             T *, NULL when absent; OPT_I32: gint32 *
 *     LIST(name, T, max)       struct { T *v; guint32 n; }; PARAMS: of TypedParam
 *     I32S U32S U64S STRS      the same of numbers and strings; (name, max)
 *     BYTES(name, max)         struct { const guint8 *v; guint32 n; }
 *     CHARS(name, max)         struct { const char *v; guint32 n; }: four bytes a character
 *     TEXT(name, size)         char[size], four bytes a character
 *     VALUE                    a Value
 *
 * Whatever a decoded message points to lives in the arena that it was decoded into; a message to be
 * encoded may point anywhere. This room knows neither sockets nor the daemon.
 */
#pragma once

#include "base/base.h"

/* ---- memory of one call (arena.c) -------------------------------------------------------- */

typedef struct ArenaBlock ArenaBlock;

/* Memory that is allocated piece by piece and freed all at once, by arena_done. */
typedef struct Arena {
    guint8 *next, *end;
    ArenaBlock *blocks;
} Arena;

/* first: memory of the caller's to use before any is allocated, of size bytes; may be NULL. */
void arena_init(Arena *a, gpointer first, gsize size);
void arena_done(Arena *a);
void arena_wipe(Arena *a); /* wipes what it allocated itself; before arena_done */
/* n * size zeroed bytes, aligned for any type; NULL for none. An overflow or a lack of memory ends
 * the program. */
gpointer arena_alloc(Arena *a, gsize n, gsize size);
const char *arena_strdup(Arena *a, const char *text); /* NULL gives NULL */
const char *arena_strndup(Arena *a, const char *text, gsize len);
#define arena_new(a, T, n) ((T *)arena_alloc(a, n, sizeof(T)))

/* ---- messages ----------------------------------------------------------------------------- */

/* The value of a typed parameter; the numbers of the types are the protocol's. */
typedef enum ValueType {
    VALUE_INT = 1,
    VALUE_UINT,
    VALUE_LLONG,
    VALUE_ULLONG,
    VALUE_DOUBLE,
    VALUE_BOOLEAN,
    VALUE_STRING,
} ValueType;

typedef struct Value {
    ValueType type;
    union {
        gint32 i; /* also of VALUE_BOOLEAN */
        guint32 u;
        gint64 l;
        guint64 ul;
        gdouble d;
        const char *s;
    };
} Value;

#define LIST_OF(T, name)                                                                           \
    struct {                                                                                       \
        T *v;                                                                                      \
        guint32 n;                                                                                 \
    } name;

#define MEMBER_I32(name)          gint32 name;
#define MEMBER_U32(name)          guint32 name;
#define MEMBER_I64(name)          gint64 name;
#define MEMBER_U64(name)          guint64 name;
#define MEMBER_STR(name)          const char *name;
#define MEMBER_OPT_STR(name)      const char *name;
#define MEMBER_OPT_I32(name)      gint32 *name;
#define MEMBER_UUID(name)         guint8 name[16];
#define MEMBER_REF(name, T)       T name;
#define MEMBER_OPT(name, T)       T *name;
#define MEMBER_LIST(name, T, max) LIST_OF(T, name)
#define MEMBER_PARAMS(name, max)  LIST_OF(TypedParam, name)
#define MEMBER_I32S(name, max)    LIST_OF(gint32, name)
#define MEMBER_U32S(name, max)    LIST_OF(guint32, name)
#define MEMBER_U64S(name, max)    LIST_OF(guint64, name)
#define MEMBER_STRS(name, max)    LIST_OF(const char *, name)
#define MEMBER_BYTES(name, max)   LIST_OF(const guint8, name)
#define MEMBER_CHARS(name, max)   LIST_OF(const char, name)
#define MEMBER_TEXT(name, size)   char name[size];
#define MEMBER_VALUE(name)        Value name;

/* MAP(M, T, a, b, c) is M(T, a) M(T, b) M(T, c) */
#define MAP_1(M, T, f)                                                        M(T, f)
#define MAP_2(M, T, f, ...)                                                   M(T, f) MAP_1(M, T, __VA_ARGS__)
#define MAP_3(M, T, f, ...)                                                   M(T, f) MAP_2(M, T, __VA_ARGS__)
#define MAP_4(M, T, f, ...)                                                   M(T, f) MAP_3(M, T, __VA_ARGS__)
#define MAP_5(M, T, f, ...)                                                   M(T, f) MAP_4(M, T, __VA_ARGS__)
#define MAP_6(M, T, f, ...)                                                   M(T, f) MAP_5(M, T, __VA_ARGS__)
#define MAP_7(M, T, f, ...)                                                   M(T, f) MAP_6(M, T, __VA_ARGS__)
#define MAP_8(M, T, f, ...)                                                   M(T, f) MAP_7(M, T, __VA_ARGS__)
#define MAP_9(M, T, f, ...)                                                   M(T, f) MAP_8(M, T, __VA_ARGS__)
#define MAP_10(M, T, f, ...)                                                  M(T, f) MAP_9(M, T, __VA_ARGS__)
#define MAP_11(M, T, f, ...)                                                  M(T, f) MAP_10(M, T, __VA_ARGS__)
#define MAP_12(M, T, f, ...)                                                  M(T, f) MAP_11(M, T, __VA_ARGS__)
#define MAP_NTH(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, each, ...) each
#define MAP(M, T, ...)                                                                             \
    MAP_NTH(__VA_ARGS__, MAP_12, MAP_11, MAP_10, MAP_9, MAP_8, MAP_7, MAP_6, MAP_5, MAP_4, MAP_3,  \
            MAP_2, MAP_1)                                                                          \
    (M, T, __VA_ARGS__)

typedef struct WireType WireType;

#define MEMBER(T, f) MEMBER_##f
#define MESSAGE(T, ...)                                                                            \
    typedef struct T {                                                                             \
        MAP(MEMBER, T, __VA_ARGS__)                                                                \
    } T;                                                                                           \
    extern const WireType T##_type;
#include "wire/table/messages.inc"
#undef MESSAGE

extern const WireType None_type; /* arguments or a reply without content */

typedef enum WireKind {
    W_I32,
    W_U32,
    W_I64,
    W_U64,
    W_STR,
    W_OPT_STR,
    W_OPT_I32,
    W_UUID,
    W_REF,
    W_OPT,
    W_LIST,
    W_I32S,
    W_U32S,
    W_U64S,
    W_STRS,
    W_BYTES,
    W_CHARS,
    W_TEXT,
    W_VALUE,
} WireKind;

typedef struct WireField {
    const char *name;
    WireKind kind;
    guint32 offset;
    const WireType *type; /* the element's type, of REF, OPT and LIST */
    guint32 max;          /* bound: elements, or bytes of a string */
} WireField;

struct WireType {
    const char *name;
    guint32 size;
    guint32 n_fields;
    const WireField *fields;
};

/* The messages in the order of the table; for tests and reference pages. */
const WireType *wire_type_at(guint i); /* NULL past the last */

/* ---- procedures (protocol.c) -------------------------------------------------------------- */

enum {
    PROGRAM_REMOTE = 0x20008086,
    PROGRAM_QEMU = 0x20008087,
    PROGRAM_VMD = 0x20766d64, /* vmd's own calls */
    PROGRAM_KEEPALIVE = 0x6b656570,
};
enum { KEEPALIVE_PING = 1, KEEPALIVE_PONG = 2 };

#define PROC(number, name, ...) PROC_##name = number,
#define PROC_COND               PROC
enum {
#include "wire/table/procedures.inc"
#include "wire/table/qemu_procedures.inc"
#include "wire/table/vmd_procedures.inc"
};
#undef PROC_COND
#undef PROC

typedef enum ProcFlags {
    PROC_READ = 1 << 0,   /* a read-only client may call it */
    PROC_WRITE = 1 << 1,  /* a read-only client may not call it */
    PROC_HIGH = 1 << 2,   /* never waits for a guest */
    PROC_ANON = 1 << 3,   /* may be called before authentication */
    PROC_EARLY = 1 << 4,  /* may be called before CONNECT_OPEN */
    PROC_EVENT = 1 << 5,  /* sent by the daemon as an event; its message is args */
    PROC_UPLOAD = 1 << 6, /* a stream follows the reply */
    PROC_DOWNLOAD = 1 << 7,
    PROC_FDS_IN = 1 << 8,
    PROC_FDS_OUT = 1 << 9,
    PROC_STREAM = PROC_UPLOAD | PROC_DOWNLOAD,
} ProcFlags;

/* The driver of a procedure; the values (virErrorDomain) are the origin of an error that has no
 * better one. */
typedef enum Family {
    FAMILY_CONNECT = 0,
    FAMILY_STORAGE = 18,
    FAMILY_NETWORK = 19,
    FAMILY_DOMAIN = 20,
    FAMILY_NODE_DEVICE = 22,
    FAMILY_INTERFACE = 26,
    FAMILY_SECRET = 30,
    FAMILY_NWFILTER = 33,
} Family;

typedef struct Procedure {
    const char *name; /* NULL: no procedure has this number */
    const WireType *args, *ret;
    Family family;
    guint flags;          /* ProcFlags */
    guint32 write_offset; /* of the guint32 argument that holds write_bits */
    guint32 write_bits;   /* a PROC_READ call with one of these bits changes something */
} Procedure;

/* NULL when the program or the number is unknown. */
const Procedure *procedure_find(guint32 program, gint32 number);
gint32 procedure_max(guint32 program); /* highest number; 0: no such program */

/* ---- framing and XDR (xdr.c) -------------------------------------------------------------- */

enum {
    WIRE_HEADER = 28,
    WIRE_MAX = 33554432 + 4, /* largest length field */
    WIRE_STRING_MAX = 4194304,
    WIRE_FDS_MAX = 32,
    WIRE_STREAM_CHUNK = 262120, /* most bytes in one stream packet that vmd sends */
};

typedef enum MessageKind {
    MSG_CALL,
    MSG_REPLY,
    MSG_EVENT,
    MSG_STREAM,
    MSG_CALL_FDS,
    MSG_REPLY_FDS,
    MSG_HOLE,
} MessageKind;

typedef enum MessageStatus { STATUS_OK, STATUS_ERROR, STATUS_CONTINUE } MessageStatus;

typedef struct WireHeader {
    guint32 size; /* of the whole message in bytes; set by wire_end and wire_header_decode */
    guint32 program;
    guint32 version;
    gint32 procedure;
    guint32 kind; /* a MessageKind, or any other number that the peer sent */
    guint32 serial;
    guint32 status;
} WireHeader;

/* A buffer that grows; it can be used for one message after another. */
typedef struct WireBuf {
    guint8 *data;
    gsize len;
    gsize size;
} WireBuf;

void wire_buf_done(WireBuf *b);
/* Starts a message: empties the buffer, writes the header (h->size is not used) and leaves room for
 * the length. */
void wire_begin(WireBuf *b, const WireHeader *h);
void wire_put(WireBuf *b, const void *data, gsize len); /* without padding */
void wire_put_u32(WireBuf *b, guint32 v);
/* Ends a message by writing its length. ERR_OVERFLOW when it is larger than the protocol allows. */
gboolean wire_end(WireBuf *b, GError **err);

/* data has WIRE_HEADER bytes. */
void wire_header_decode(const guint8 *data, WireHeader *ret_h);
/* The LinesCut of the protocol: one message, with the filler bytes of its descriptors. */
gssize wire_cut(const guint8 *data, gsize len, gpointer unused);

/* Appends a message's content. A value over its bound is ERR_OVERFLOW, which names the field. */
gboolean xdr_encode(WireBuf *b, const WireType *t, gconstpointer message, GError **err);
/* Decodes a message's content. ret_message has t->size bytes; whatever it points to lies in the
 * arena. Bytes after a well-formed message are ignored. ERR_RPC names the field that is wrong. */
gboolean xdr_decode(const WireType *t, const guint8 *data, gsize len, Arena *a,
                    gpointer ret_message, GError **err);
/* The same for messages of clients, whose strings are checked here: one that an XML document could
 * not hold is ERR_INVALID_ARG. */
gboolean xdr_decode_call(const WireType *t, const guint8 *data, gsize len, Arena *a,
                         gpointer ret_message, GError **err);
/* As xdr_decode; *ret_used is the number of bytes that were read. */
gboolean xdr_decode_part(const WireType *t, const guint8 *data, gsize len, Arena *a,
                         gpointer ret_message, gsize *ret_used, GError **err);

/* The rows of table/ as C data: what each message is made of, what each number calls. */
#include "wire.h"

/* ---- messages */

/* A row's word gives its member's name (AT_) and the rest of its WireField (IS_). */
#define AT_I32(name, ...)     name
#define AT_U32(name, ...)     name
#define AT_I64(name, ...)     name
#define AT_U64(name, ...)     name
#define AT_STR(name, ...)     name
#define AT_OPT_STR(name, ...) name
#define AT_OPT_I32(name, ...) name
#define AT_UUID(name, ...)    name
#define AT_REF(name, ...)     name
#define AT_OPT(name, ...)     name
#define AT_LIST(name, ...)    name
#define AT_PARAMS(name, ...)  name
#define AT_I32S(name, ...)    name
#define AT_U32S(name, ...)    name
#define AT_U64S(name, ...)    name
#define AT_STRS(name, ...)    name
#define AT_BYTES(name, ...)   name
#define AT_CHARS(name, ...)   name
#define AT_TEXT(name, ...)    name
#define AT_VALUE(name, ...)   name

#define IS_I32(name)           .kind = W_I32
#define IS_U32(name)           .kind = W_U32
#define IS_I64(name)           .kind = W_I64
#define IS_U64(name)           .kind = W_U64
#define IS_STR(name)           .kind = W_STR, .max = WIRE_STRING_MAX
#define IS_OPT_STR(name)       .kind = W_OPT_STR, .max = WIRE_STRING_MAX
#define IS_OPT_I32(name)       .kind = W_OPT_I32
#define IS_UUID(name)          .kind = W_UUID, .max = 16
#define IS_REF(name, T)        .kind = W_REF, .type = &T##_type
#define IS_OPT(name, T)        .kind = W_OPT, .type = &T##_type
#define IS_LIST(name, T, most) .kind = W_LIST, .type = &T##_type, .max = most
#define IS_PARAMS(name, most)  .kind = W_LIST, .type = &TypedParam_type, .max = most
#define IS_I32S(name, most)    .kind = W_I32S, .max = most
#define IS_U32S(name, most)    .kind = W_U32S, .max = most
#define IS_U64S(name, most)    .kind = W_U64S, .max = most
#define IS_STRS(name, most)    .kind = W_STRS, .max = most
#define IS_BYTES(name, most)   .kind = W_BYTES, .max = most
#define IS_CHARS(name, most)   .kind = W_CHARS, .max = most
#define IS_TEXT(name, most)    .kind = W_TEXT, .max = most
#define IS_VALUE(name)         .kind = W_VALUE

#define PLACE_(T, member) .name = #member, .offset = G_STRUCT_OFFSET(T, member)
#define PLACE(T, member)  PLACE_(T, member)
#define FIELD(T, f)       { PLACE(T, AT_##f), IS_##f },

#define MESSAGE(T, ...)                                                                            \
    static const WireField T##_fields[] = { MAP(FIELD, T, __VA_ARGS__) };                          \
    const WireType T##_type = { #T, sizeof(T), G_N_ELEMENTS(T##_fields), T##_fields };
#include "wire/table/messages.inc"
#undef MESSAGE

const WireType None_type = { "None", 0, 0, NULL };

static const WireType *const types[] = {
#define MESSAGE(T, ...) &T##_type,
#include "wire/table/messages.inc"
#undef MESSAGE
};

const WireType *
wire_type_at(guint i)
{
    return i < G_N_ELEMENTS(types) ? types[i] : NULL;
}

/* ---- procedures */

#define READ     PROC_READ
#define WRITE    PROC_WRITE
#define HIGH     PROC_HIGH
#define ANON     PROC_ANON
#define EARLY    PROC_EARLY
#define EVENT    PROC_EVENT
#define UPLOAD   PROC_UPLOAD
#define DOWNLOAD PROC_DOWNLOAD
#define FDS_IN   PROC_FDS_IN
#define FDS_OUT  PROC_FDS_OUT

#define PROC(number, what, in, out, whose, how)                                                    \
    [number] = { .name = #what,                                                                    \
                 .args = &in##_type,                                                               \
                 .ret = &out##_type,                                                               \
                 .family = FAMILY_##whose,                                                         \
                 .flags = how },
#define PROC_COND(number, what, in, out, whose, how, member, bits)                                 \
    [number] = { .name = #what,                                                                    \
                 .args = &in##_type,                                                               \
                 .ret = &out##_type,                                                               \
                 .family = FAMILY_##whose,                                                         \
                 .flags = how,                                                                     \
                 .write_offset = G_STRUCT_OFFSET(in, member),                                      \
                 .write_bits = bits },

static const Procedure remote_procedures[] = {
#include "wire/table/procedures.inc"
};

static const Procedure qemu_procedures[] = {
#include "wire/table/qemu_procedures.inc"
};

static const Procedure vmd_procedures[] = {
#include "wire/table/vmd_procedures.inc"
};

static const struct {
    guint32 program;
    const Procedure *rows;
    gint32 n;
} programs[] = {
    { PROGRAM_REMOTE, remote_procedures, G_N_ELEMENTS(remote_procedures) },
    { PROGRAM_QEMU, qemu_procedures, G_N_ELEMENTS(qemu_procedures) },
    { PROGRAM_VMD, vmd_procedures, G_N_ELEMENTS(vmd_procedures) },
};

gint32
procedure_max(guint32 program)
{
    for (gsize i = 0; i < G_N_ELEMENTS(programs); i++)
        if (programs[i].program == program)
            return programs[i].n - 1;
    return 0;
}

const Procedure *
procedure_find(guint32 program, gint32 number)
{
    for (gsize i = 0; i < G_N_ELEMENTS(programs); i++)
        if (programs[i].program == program && number > 0 && number < programs[i].n &&
            programs[i].rows[number].name)
            return &programs[i].rows[number];
    return NULL;
}

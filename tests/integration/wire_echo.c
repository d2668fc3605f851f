/* The protocol table as text, and its codec as a filter, for wire_table.py.
 *
 *   wire_echo procedures     a line for each procedure
 *   wire_echo fields         a line for each member of each message: message, name, kind, type
 *   wire_echo echo           reads "TYPE HEX" lines; decodes, encodes, prints HEX or "refused"
 */
#include "wire/wire.h"

#include <stdio.h>
#include <string.h>

static void
print_procedures(guint32 program)
{
    for (gint32 i = 1; i <= procedure_max(program); i++) {
        const Procedure *p = procedure_find(program, i);
        if (p)
            printf("%x %d %s %s %s %u %u\n", program, i, p->name, p->args->name, p->ret->name,
                   p->flags, p->write_bits);
    }
}

static void
print_fields(void)
{
    const WireType *t;

    for (guint i = 0; (t = wire_type_at(i)); i++)
        for (guint32 k = 0; k < t->n_fields; k++)
            printf("%s %s %d %s\n", t->name, t->fields[k].name, t->fields[k].kind,
                   t->fields[k].type ? t->fields[k].type->name : "-");
}

static const WireType *
type_find(const char *name)
{
    const WireType *t;

    for (guint i = 0; (t = wire_type_at(i)); i++)
        if (strcmp(t->name, name) == 0)
            return t;
    return NULL;
}

static gsize
from_hex(const char *hex, guint8 *data)
{
    gsize n = 0;

    for (; g_ascii_isxdigit(hex[0]) && g_ascii_isxdigit(hex[1]); hex += 2)
        data[n++] = (guint8)(g_ascii_xdigit_value(hex[0]) << 4 | g_ascii_xdigit_value(hex[1]));
    return n;
}

static void
echo(const char *name, const char *hex)
{
    const WireType *t = type_find(name);
    g_autofree guint8 *data = g_malloc(strlen(hex) / 2 + 1);
    gsize len = from_hex(hex, data), used;
    g_autofree gpointer message = t ? g_malloc0(t->size) : NULL;
    WireBuf out = { 0 };
    Arena a;

    arena_init(&a, NULL, 0);
    if (!t)
        puts("no such type");
    else if (!xdr_decode_part(t, data, len, &a, message, &used, NULL) || used != len ||
             !xdr_encode(&out, t, message, NULL))
        puts("refused");
    else {
        for (gsize i = 0; i < out.len; i++)
            printf("%02x", out.data[i]);
        putchar('\n');
    }
    arena_done(&a);
    wire_buf_done(&out);
}

int
main(int argc, char **argv)
{
    g_autofree char *line = NULL;
    size_t size = 0;

    if (argc == 2 && strcmp(argv[1], "procedures") == 0) {
        print_procedures(PROGRAM_REMOTE);
        print_procedures(PROGRAM_QEMU);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "fields") == 0) {
        print_fields();
        return 0;
    }
    while (getline(&line, &size, stdin) > 0) {
        char *space = strchr(line, ' ');
        if (!space)
            return 2;
        *space = '\0';
        echo(line, space + 1);
    }
    return 0;
}

/* What commands answer in rows: tables with columns, sheets with a title before each value. Each
 * can be told as text or as JSON. */
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmsh.h"

/* ---- widths */

static guint
char_width(gunichar c)
{
    if (g_unichar_iszerowidth(c))
        return 0;
    return g_unichar_iswide(c) ? 2 : 1;
}

guint
text_width(const char *text)
{
    guint width = 0;

    for (const char *p = text; *p; p = g_utf8_next_char(p))
        width += char_width(g_utf8_get_char(p));
    return width;
}

/* What a terminal can show: control characters and bytes that are not UTF-8 as \x1b. */
static char *
printable(const char *text)
{
    GString *s = g_string_new(NULL);

    for (const char *p = text; *p;) {
        gunichar c = g_utf8_get_char_validated(p, -1);
        if (c == (gunichar)-1 || c == (gunichar)-2 || g_unichar_iscntrl(c)) {
            g_string_append_printf(s, "\\x%02x", (guint8)*p++);
            continue;
        }
        g_string_append_unichar(s, c);
        p = g_utf8_next_char(p);
    }
    return g_string_free(s, FALSE);
}

/* At most width columns, with a mark where something is left out. */
static char *
text_cut(const char *text, guint width)
{
    GString *s;
    guint used = 0;

    if (text_width(text) <= width)
        return g_strdup(text);
    s = g_string_new(NULL);
    for (const char *p = text; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (used + char_width(c) + 1 > width)
            break;
        used += char_width(c);
        g_string_append_unichar(s, c);
    }
    g_string_append(s, "…");
    return g_string_free(s, FALSE);
}

char *
text_human_size(guint64 bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double value = (double)bytes;
    guint i = 0;

    for (; value >= 1024 && i + 1 < G_N_ELEMENTS(units); i++)
        value /= 1024;
    return g_strdup_printf("%.3f %s", value, units[i]);
}

char *
cpu_map_text(const guint8 *map, guint n, gboolean pretty)
{
    GString *s = g_string_new(NULL);

    for (guint i = 0; i < n; i++) {
        guint first = i;
        gboolean on = map[i / 8] & 1 << i % 8;

        if (!pretty) {
            g_string_append_c(s, on ? 'y' : '-');
            continue;
        }
        while (on && i + 1 < n && (map[(i + 1) / 8] & 1 << (i + 1) % 8))
            i++;
        if (on)
            g_string_append_printf(s, "%s%u", s->len ? "," : "", first);
        if (i > first)
            g_string_append_printf(s, "-%u", i);
    }
    return g_string_free(s, FALSE);
}

/* ---- tables */

struct Table {
    const Column *columns;
    guint n;
    GPtrArray *rows; /* of char *[n], NULL: nothing to tell */
};

static void
row_free(gpointer row)
{
    g_strfreev(row);
}

Table *
table_new(const Column *columns, guint n)
{
    Table *t = g_new0(Table, 1);

    t->columns = columns;
    t->n = n;
    t->rows = g_ptr_array_new_with_free_func(row_free);
    return t;
}

void
table_free(Table *t)
{
    if (!t)
        return;
    g_ptr_array_unref(t->rows);
    g_free(t);
}

/* Behind a text for people stands the number for JSON. */
static const char behind = '\037';

char *
size_cell(guint64 bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double size = (double)bytes;
    gsize unit = 0;

    for (; size >= 1024 && unit + 1 < G_N_ELEMENTS(units); unit++)
        size /= 1024;
    return g_strdup_printf("%.2f %s%c%" G_GUINT64_FORMAT, size, units[unit], behind, bytes);
}

char *
duration_cell(guint64 seconds)
{
    static const struct {
        guint64 seconds;
        char unit;
    } units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
    gsize i = 0;

    while (i + 2 < G_N_ELEMENTS(units) && seconds < units[i].seconds)
        i++;
    return g_strdup_printf("%" G_GUINT64_FORMAT "%c %" G_GUINT64_FORMAT "%c%c%" G_GUINT64_FORMAT,
                           seconds / units[i].seconds, units[i].unit,
                           seconds % units[i].seconds / units[i + 1].seconds, units[i + 1].unit,
                           behind, seconds);
}

/* An absent value is told from an empty one by a byte that printable() would never give. */
static const char absent[] = "\001";

void
table_add_cells(Table *t, const char *const *cells)
{
    char **row = g_new0(char *, t->n + 1);

    for (guint i = 0; i < t->n; i++) {
        const char *number = cells[i] && t->columns[i].kind ? strchr(cells[i], behind) : NULL;
        g_autofree char *text = number ? g_strndup(cells[i], (gsize)(number - cells[i]))
                                       : printable(cells[i] ? cells[i] : "");
        row[i] = cells[i] ? g_strconcat(text, number, NULL) : g_strdup(absent);
    }
    g_ptr_array_add(t->rows, row);
}

void
table_add(Table *t, ...)
{
    g_autofree const char **cells = g_new0(const char *, t->n);
    va_list ap;

    va_start(ap, t);
    for (guint i = 0; i < t->n; i++)
        cells[i] = va_arg(ap, const char *);
    va_end(ap);
    table_add_cells(t, cells);
}

/* The text for people; the caller's. */
static char *
cell(const Table *t, guint row, guint column)
{
    const char *text = ((char **)t->rows->pdata[row])[column];

    return strcmp(text, absent) == 0 ? g_strdup("-") : g_strndup(text, strcspn(text, "\037"));
}

enum { GAP = 3 }; /* a blank before a cell, two behind it */

/* The width of each column; the caller's. */
static guint *
table_widths(const Table *t, gboolean headings)
{
    guint *widths = g_new0(guint, t->n);

    for (guint i = 0; i < t->n; i++) {
        widths[i] = headings ? text_width(t->columns[i].title) : 0;
        for (guint r = 0; r < t->rows->len; r++) {
            g_autofree char *text = cell(t, r, i);
            widths[i] = MAX(widths[i], text_width(text));
        }
    }
    return widths;
}

/* Narrows the widest columns until all of them fit, or none is wide enough to give anything. */
static void
table_narrow(const Table *t, guint *widths, guint width)
{
    enum { LEAST = 8 };
    guint total = 0;

    for (guint i = 0; i < t->n; i++)
        total += widths[i] + GAP;
    while (total > width) {
        guint widest = 0;
        for (guint i = 1; i < t->n; i++)
            if (widths[i] > widths[widest])
                widest = i;
        if (widths[widest] <= LEAST)
            return;
        widths[widest]--;
        total--;
    }
}

static void
format_cell(GString *s, const Table *t, const guint *widths, guint column, const char *text)
{
    g_autofree char *shown = text_cut(text, widths[column]);

    g_string_append_printf(s, " %s", shown);
    if (column + 1 == t->n)
        g_string_append_c(s, '\n');
    else
        g_string_append_printf(s, "%*s", (int)(widths[column] + 2 - text_width(shown)), "");
}

static void
format_headings(GString *s, const Table *t, const guint *widths)
{
    guint total = 0;

    for (guint i = 0; i < t->n; i++) {
        format_cell(s, t, widths, i, t->columns[i].title);
        total += widths[i] + GAP;
    }
    for (guint i = 0; i < total; i++)
        g_string_append_c(s, '-');
    g_string_append_c(s, '\n');
}

char *
table_format(const Table *t, gboolean headings, guint width)
{
    g_autofree guint *widths = table_widths(t, headings);
    GString *s = g_string_new(NULL);

    if (width)
        table_narrow(t, widths, width);
    if (headings)
        format_headings(s, t, widths);
    for (guint r = 0; r < t->rows->len; r++)
        for (guint i = 0; i < t->n; i++) {
            g_autofree char *text = cell(t, r, i);
            format_cell(s, t, widths, i, text);
        }
    return g_string_free(s, FALSE);
}

static json_object *
json_of_number(const char *text)
{
    char *end;
    gint64 value;
    double real;

    if (strchr(text, behind))
        text = strchr(text, behind) + 1;
    value = g_ascii_strtoll(text, &end, 10);
    if (end != text && !*end)
        return json_object_new_int64(value);
    real = g_ascii_strtod(text, &end);
    return end != text && !*end ? json_object_new_double_s(real, text)
                                : json_object_new_string(text);
}

static json_object *
json_of_text(const char *text, ColumnKind kind)
{
    if (strcmp(text, absent) == 0)
        return NULL;
    if (kind == COLUMN_NUMBER)
        return json_of_number(text);
    if (kind == COLUMN_FLAG)
        return json_object_new_boolean(strcmp(text, "yes") == 0 || strcmp(text, "enable") == 0);
    return json_object_new_string(text);
}

json_object *
table_json(const Table *t)
{
    json_object *rows = json_object_new_array();

    for (guint r = 0; r < t->rows->len; r++) {
        json_object *row = json_object_new_object();
        for (guint i = 0; i < t->n; i++)
            json_object_object_add(
                row, t->columns[i].key,
                json_of_text(((char **)t->rows->pdata[r])[i], t->columns[i].kind));
        json_object_array_add(rows, row);
    }
    return rows;
}

/* 0 when stdout is no terminal: then nothing is cut. */
static guint
terminal_width(void)
{
    struct winsize size;

    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
        return 0;
    return size.ws_col;
}

void
print_json(Shell *s, json_object *o)
{
    if (s->format) {
        if (!s->format_error)
            format_print(s, s->format, o, &s->format_error);
        json_object_put(o);
        return;
    }
    put(s, "%s\n",
        json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                              JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(o);
}

void
table_print(Shell *s, const Table *t)
{
    g_autofree char *text = NULL;

    if (s->json) {
        print_json(s, table_json(t));
        return;
    }
    text = table_format(t, !s->quiet, terminal_width());
    put(s, "%s", text);
}

/* ---- sheets */

struct Sheet {
    guint width;
    GString *text;
    json_object *json;
};

Sheet *
sheet_new(guint width)
{
    Sheet *t = g_new0(Sheet, 1);

    t->width = width;
    t->text = g_string_new(NULL);
    t->json = json_object_new_object();
    return t;
}

void
sheet_free(Sheet *t)
{
    if (!t)
        return;
    g_string_free(t->text, TRUE);
    json_object_put(t->json);
    g_free(t);
}

/* "Core(s) per socket" is cores_per_socket. */
static char *
key_of(const char *title)
{
    GString *key = g_string_new(NULL);

    for (const char *p = title; *p; p++)
        if (g_ascii_isalnum(*p))
            g_string_append_c(key, g_ascii_tolower(*p));
        else if (!strchr("()", *p) && key->len && key->str[key->len - 1] != '_')
            g_string_append_c(key, '_');
    return g_string_free(key, FALSE);
}

static void
sheet_put(Sheet *t, const char *title, const char *value)
{
    int fill = (int)t->width - (int)strlen(title) - 1;

    g_string_append_printf(t->text, "%s:%*s%s\n", title, MAX(fill, 1), "", value);
}

void
sheet_add(Sheet *t, const char *title, const char *fmt, ...)
{
    g_autofree char *key = key_of(title);
    g_autofree char *value = NULL;
    va_list ap;

    va_start(ap, fmt);
    value = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    sheet_put(t, title, value);
    json_object_object_add(t->json, key, json_object_new_string(value));
}

void
sheet_add_value(Sheet *t, const char *title, json_object *value, const char *fmt, ...)
{
    g_autofree char *key = key_of(title);
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    sheet_put(t, title, text);
    json_object_object_add(t->json, key, value);
}

void
sheet_add_flag(Sheet *t, const char *title, gboolean on)
{
    sheet_add_value(t, title, json_object_new_boolean(on), "%s", on ? "yes" : "no");
}

void
sheet_add_texts(Sheet *t, const char *title, const char *const *texts, guint n)
{
    g_autofree char *key = key_of(title);
    json_object *list = json_object_new_array();

    for (guint i = 0; i < n; i++) {
        if (i == 0)
            sheet_put(t, title, texts[i]);
        else
            g_string_append_printf(t->text, "%*s%s\n", (int)t->width, "", texts[i]);
        json_object_array_add(list, json_object_new_string(texts[i]));
    }
    json_object_object_add(t->json, key, list);
}

void
sheet_add_number(Sheet *t, const char *title, guint64 number, const char *unit)
{
    g_autofree char *key = key_of(title);
    g_autofree char *value = g_strdup_printf("%" G_GUINT64_FORMAT "%s%s", number, unit ? " " : "",
                                             unit ? unit : "");

    sheet_put(t, title, value);
    if (g_strcmp0(unit, "KiB") == 0)
        number *= 1024; /* JSON counts in bytes */
    json_object_object_add(t->json, key, json_object_new_uint64(number));
}

void
sheet_add_line(Sheet *t, const char *key, json_object *value, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    g_string_append_vprintf(t->text, fmt, ap);
    va_end(ap);
    g_string_append_c(t->text, '\n');
    json_object_object_add(t->json, key, value);
}

void
sheet_add_bytes(Sheet *t, const char *title, guint64 bytes)
{
    g_autofree char *key = key_of(title);
    g_autofree char *text = size_cell(bytes);

    text[strcspn(text, "\037")] = '\0';
    sheet_put(t, title, text);
    json_object_object_add(t->json, key, json_object_new_uint64(bytes));
}

json_object *
sheet_json(const Sheet *t)
{
    return json_object_get(t->json);
}

char *
sheet_format(const Sheet *t)
{
    return g_strdup(t->text->str);
}

void
sheet_print(Shell *s, const Sheet *t)
{
    if (s->json)
        print_json(s, sheet_json(t));
    else
        put(s, "%s", t->text->str);
}

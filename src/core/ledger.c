/* Ledgers: what an object has done and can undo, as a log of lines on disk.
 *
 *     vmd-ledger 1 KIND NAME                         the first line
 *     begin FLOWNO TABLE
 *     do ROWNO FLOWNO STEP KEY WORD...               a known number: new words for it
 *     undone ROWNO
 *     commit FLOWNO
 *     unwind                                         all of it is being undone from here on
 *
 * Words stand between single blanks and are escaped (%20), so any text survives; an empty one is
 * "%". Each line ends in a blank, a '#' and eight digits that are computed from the rest of it: a
 * file that was damaged is not taken for a true one. The file is begun beside its place and
 * renamed; then each line is one write(2). A last line without its newline was never finished, so
 * neither was its effect begun, and it is ignored. /run is memory, so nothing is fsynced: the
 * ledger must outlive the daemon, not the machine. Lines without meaning (undone rows) go when it
 * is opened.
 */
#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MAGIC      "vmd-ledger"
#define VERSION    "1"
#define SIZE_LIMIT (16 << 20)

typedef struct Mark {
    guint64 flow;
    const FlowTable *table;
    gboolean committed;
} Mark;

struct Ledger {
    char *path; /* NULL: in memory only */
    char *kind, *name;
    int fd; /* -1 while there is no file */
    GPtrArray *rows;
    GArray *marks; /* of flows that have, or had, rows in this file */
    guint64 last_row, last_flow;
    guint lines; /* in the file */
    gboolean unwinding;
    char *broken;
};

static void
row_free(gpointer data)
{
    LedgerRow *row = data;

    g_free(row->key);
    g_strfreev(row->words);
    g_free(row);
}

static Mark *
mark_find(const Ledger *l, guint64 flow)
{
    for (guint i = 0; i < l->marks->len; i++)
        if (g_array_index(l->marks, Mark, i).flow == flow)
            return &g_array_index(l->marks, Mark, i);
    return NULL;
}

/* ---- words */

static gboolean
is_plain(guchar c)
{
    return c > 0x20 && c < 0x7f && c != '%';
}

static void
put_word(GString *line, const char *word)
{
    g_string_append_c(line, ' ');
    if (!word[0])
        g_string_append_c(line, '%');
    for (const guchar *c = (const guchar *)word; *c; c++) {
        if (is_plain(*c))
            g_string_append_c(line, (char)*c);
        else
            g_string_append_printf(line, "%%%02x", *c);
    }
}

/* In place, for it only shrinks. FALSE: no word that put_word writes. */
static gboolean
unescape(char *word)
{
    char *to = word;

    if (strcmp(word, "%") == 0) {
        word[0] = '\0';
        return TRUE;
    }
    for (const char *from = word; *from; from++) {
        int high, low;

        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        high = g_ascii_xdigit_value(from[1]);
        low = high < 0 ? -1 : g_ascii_xdigit_value(from[2]);
        if (low < 0 || (high == 0 && low == 0))
            return FALSE;
        *to++ = (char)(high << 4 | low);
        from += 2;
    }
    *to = '\0';
    return TRUE;
}

/* Ends the line that begins at `from`. */
static void
put_end(GString *text, gsize from)
{
    guint32 sum = bytes_sum(text->str + from, text->len - from);

    g_string_append_printf(text, " #%08x\n", sum);
}

static void
put_line(GString *text, const char *verb, const char *const *words)
{
    gsize from = text->len;

    g_string_append(text, verb);
    for (int i = 0; words[i]; i++)
        put_word(text, words[i]);
    put_end(text, from);
}

typedef char Number[24];

static const char *
number(Number buf, guint64 n)
{
    g_snprintf(buf, sizeof(Number), "%" G_GUINT64_FORMAT, n);
    return buf;
}

static void
put_head(GString *text, const Ledger *l)
{
    put_line(text, MAGIC, WORDS(VERSION, l->kind, l->name));
}

static void
put_begin(GString *text, guint64 flow, const FlowTable *table)
{
    Number n;

    put_line(text, "begin", WORDS(number(n, flow), table->name));
}

static void
put_commit(GString *text, guint64 flow)
{
    Number n;

    put_line(text, "commit", WORDS(number(n, flow)));
}

static void
put_row(GString *text, guint64 no, guint64 flow, const Step *step, const char *key,
        const char *const *words)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    Number a, b;

    g_ptr_array_add(all, (gpointer)number(a, no));
    g_ptr_array_add(all, (gpointer)number(b, flow));
    g_ptr_array_add(all, (gpointer)step->name);
    g_ptr_array_add(all, (gpointer)key);
    for (int i = 0; words[i]; i++)
        g_ptr_array_add(all, (gpointer)words[i]);
    g_ptr_array_add(all, NULL);
    put_line(text, "do", (const char *const *)all->pdata);
}

/* ---- reading */

static gboolean
read_number(const char *word, guint64 *ret_n)
{
    return g_ascii_string_to_unsigned(word, 10, 1, G_MAXINT64, ret_n, NULL);
}

static const Step *
step_find(const FlowTable *table, const char *name)
{
    for (const Step *s = table->steps; s->name; s++)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

static gboolean
replay_begin(Ledger *l, char **words, guint n, GError **err)
{
    Mark mark = { 0 };

    if (n != 2 || !read_number(words[0], &mark.flow) || mark.flow <= l->last_flow)
        return fail(err, ERR_SYSTEM, "a flow that cannot begin here");
    mark.table = flow_find(words[1]);
    if (!mark.table)
        return fail(err, ERR_SYSTEM, "no flow is called '%s'", words[1]);
    l->last_flow = mark.flow;
    g_array_append_val(l->marks, mark);
    return TRUE;
}

static void
set_words(LedgerRow *row, char **words)
{
    g_strfreev(row->words);
    row->words = g_strdupv(words);
}

static LedgerRow *
add_row(Ledger *l, guint64 no, const Mark *mark, const Step *step, const char *key)
{
    LedgerRow *row = g_new0(LedgerRow, 1);

    *row = (LedgerRow){ .no = no, .flow = mark->flow, .table = mark->table, .step = step };
    row->key = g_strdup(key);
    l->last_row = no;
    g_ptr_array_add(l->rows, row);
    return row;
}

static gboolean
replay_do(Ledger *l, char **words, guint n, GError **err)
{
    guint64 no, flow;
    const Step *step;
    LedgerRow *row;
    Mark *mark;
    gboolean gap;

    if (n < 4 || !read_number(words[0], &no) || !read_number(words[1], &flow) ||
        !(mark = mark_find(l, flow)))
        return fail(err, ERR_SYSTEM, "a row of no flow");
    step = step_find(mark->table, words[2]);
    if (!step || !step->undo)
        return fail(err, ERR_SYSTEM, "flow '%s' has no step '%s' to undo", mark->table->name,
                    words[2]);
    row = ledger_at(l, no);
    if (row ? row->step != step || strcmp(row->key, words[3]) != 0 : no <= l->last_row)
        return fail(err, ERR_SYSTEM, "a row that cannot be here");
    gap = !row && no != l->last_row + 1;
    set_words(row ? row : add_row(l, no, mark, step, words[3]), words + 4);
    return !gap || fail(err, ERR_SYSTEM, "a row before it is missing");
}

static gboolean
replay_undone(Ledger *l, char **words, guint n, GError **err)
{
    guint64 no;
    LedgerRow *row;

    if (n != 1 || !read_number(words[0], &no) || !(row = ledger_at(l, no)))
        return fail(err, ERR_SYSTEM, "an undone row that is not there");
    g_ptr_array_remove(l->rows, row);
    return TRUE;
}

/* The flow is committed: what of it is for good is not undone any more. */
static void
drop_for_good(Ledger *l, const Mark *mark)
{
    for (guint i = l->rows->len; i-- > 0;) {
        const LedgerRow *row = l->rows->pdata[i];

        if (row->flow == mark->flow && (mark->table->for_good || row->step->flags & STEP_FOR_GOOD))
            g_ptr_array_remove_index(l->rows, i);
    }
}

static gboolean
replay_commit(Ledger *l, char **words, guint n, GError **err)
{
    guint64 flow;
    Mark *mark;

    if (n != 1 || !read_number(words[0], &flow) || !(mark = mark_find(l, flow)))
        return fail(err, ERR_SYSTEM, "the commit of no flow");
    mark->committed = TRUE;
    drop_for_good(l, mark);
    return TRUE;
}

static gboolean
replay_unwind(Ledger *l, char **words, guint n, GError **err)
{
    l->unwinding = TRUE;
    return n == 0 || fail(err, ERR_SYSTEM, "an end with words");
}

/* Cuts the sum off. */
static gboolean
sum_is_right(char *line)
{
    char *end = strrchr(line, ' ');
    g_autofree char *want = NULL;

    if (!end)
        return FALSE;
    want = g_strdup_printf(" #%08x", bytes_sum(line, end - line));
    if (strcmp(end, want) != 0)
        return FALSE;
    *end = '\0';
    return TRUE;
}

static const struct {
    const char *verb;
    gboolean (*replay)(Ledger *l, char **words, guint n, GError **err);
} verbs[] = {
    { "begin", replay_begin },   { "do", replay_do },         { "undone", replay_undone },
    { "commit", replay_commit }, { "unwind", replay_unwind },
};

/* The words of a line without its sum, the verb the first of them; NULL: they make no sense. */
static char **
split(const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);

    for (int i = 0; words[i]; i++)
        if (!unescape(words[i]))
            return NULL;
    return g_steal_pointer(&words);
}

static gboolean
replay_line(Ledger *l, char *line, GError **err)
{
    g_auto(GStrv) words = sum_is_right(line) ? split(line) : NULL;

    if (!words)
        return fail(err, ERR_SYSTEM, "the line is damaged");
    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
        if (strcmp(verbs[i].verb, words[0]) == 0)
            return verbs[i].replay(l, words + 1, g_strv_length(words) - 1, err);
    return fail(err, ERR_SYSTEM, "it begins with '%s'", words[0]);
}

static gboolean
head_is_right(char *line, GError **err)
{
    g_auto(GStrv) words = sum_is_right(line) ? split(line) : NULL;

    if (!words || g_strv_length(words) != 4 || strcmp(words[0], MAGIC) != 0)
        return fail(err, ERR_SYSTEM, "it does not begin as a ledger");
    return strcmp(words[1], VERSION) == 0 ||
           fail(err, ERR_SYSTEM, "its version is '%s', not '" VERSION "'", words[1]);
}

/* All lines that make sense count, also below one that does not: each is true by itself. *why is
 * the first that did not. */
static void
replay(Ledger *l, char *text, gsize len, char **why)
{
    for (char *line = text, *end; line < text + len; line = end + 1) {
        g_autoptr(GError) err = NULL;

        if (!(end = memchr(line, '\n', text + len - line))) {
            if (l->lines == 0)
                *why = g_strdup("its first line has no end");
            l->lines = G_MAXUINT; /* to be written anew, without it */
            return;
        }
        *end = '\0';
        if (!(l->lines++ == 0 ? head_is_right(line, &err) : replay_line(l, line, &err)) && !*why)
            *why = g_strdup_printf("line %u: %s", l->lines, err->message);
    }
    if (l->lines == 0)
        *why = g_strdup("it is empty");
}

/* How many lines the living rows need. */
static guint
lines_needed(const Ledger *l)
{
    guint n = 1 + l->rows->len + (l->unwinding ? 1 : 0);

    for (guint i = 0; i < l->marks->len; i++) {
        const Mark *mark = &g_array_index(l->marks, Mark, i);
        if (ledger_newest(l, ROWS_OF_FLOW, mark->flow, NULL))
            n += mark->committed ? 2 : 1;
    }
    return n;
}

/* ---- writing */

/* A line that was only half written would spoil those after it. */
static gboolean
append(Ledger *l, const GString *text, GError **err)
{
    off_t before = lseek(l->fd, 0, SEEK_END);
    gssize n = before < 0 ? -1 : TEMP_FAILURE_RETRY(write(l->fd, text->str, text->len));

    l->lines++;
    if (n == (gssize)text->len)
        return TRUE;
    fail_errno(err, n < 0 ? errno : ENOSPC, "cannot write %s", l->path);
    if (n > 0 && ftruncate(l->fd, before) < 0)
        log_error("%s: half a line cannot be taken back: %s", l->path, g_strerror(errno));
    return FALSE;
}

/* Puts a file with that text in place of whatever is there. */
static gboolean
write_whole(Ledger *l, const GString *text, GError **err)
{
    g_autofree char *folder = g_path_get_dirname(l->path);

    if (!dir_make(folder, 0700, err) ||
        !file_write_volatile(l->path, text->str, (gssize)text->len, 0600, err))
        return FALSE;
    fd_close(&l->fd);
    l->fd = open(l->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    return l->fd >= 0 || fail_errno(err, errno, "cannot open %s", l->path);
}

static void
drop_file(Ledger *l)
{
    g_array_set_size(l->marks, 0);
    l->last_row = 0;
    l->lines = 0;
    l->unwinding = FALSE;
    if (l->fd >= 0)
        unlink(l->path);
    fd_close(&l->fd);
}

/* Rows get new numbers, so that none is missing. */
static void
put_all(GString *text, const Ledger *l)
{
    put_head(text, l);
    for (guint i = 0; i < l->marks->len; i++)
        put_begin(text, g_array_index(l->marks, Mark, i).flow,
                  g_array_index(l->marks, Mark, i).table);
    for (guint i = 0; i < l->rows->len; i++) {
        const LedgerRow *row = l->rows->pdata[i];
        put_row(text, i + 1, row->flow, row->step, row->key, (const char *const *)row->words);
    }
    for (guint i = 0; i < l->marks->len; i++)
        if (g_array_index(l->marks, Mark, i).committed)
            put_commit(text, g_array_index(l->marks, Mark, i).flow);
    if (l->unwinding)
        put_line(text, "unwind", WORDS(NULL));
}

/* Without what has no meaning any more. */
static gboolean
compact(Ledger *l, GError **err)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = l->marks->len; i-- > 0;)
        if (!ledger_newest(l, ROWS_OF_FLOW, g_array_index(l->marks, Mark, i).flow, NULL))
            g_array_remove_index(l->marks, i);
    put_all(text, l);
    if (!write_whole(l, text, err))
        return FALSE;
    l->lines = lines_needed(l);
    l->last_row = l->rows->len;
    for (guint i = 0; i < l->rows->len; i++)
        ((LedgerRow *)l->rows->pdata[i])->no = i + 1;
    return TRUE;
}

/* Compacts a long ledger, since a VM may run for years. Only between flows, when nothing holds a
 * row's number. */
static void
compact_if_long(Ledger *l)
{
    g_autoptr(GError) err = NULL;

    if (l->fd >= 0 && l->lines > 256 && l->lines > 4 * lines_needed(l) && !compact(l, &err))
        log_warning("%s", err->message);
}

gboolean
ledger_save(Ledger *l, GError **err)
{
    return !l->path || l->rows->len == 0 || compact(l, err);
}

/* ---- opening */

static char *
read_text(const char *path, gsize *ret_len, char **why)
{
    g_autoptr(GError) err = NULL;
    char *text = NULL;

    if (!file_read(path, SIZE_LIMIT, &text, ret_len, &err))
        *why = g_strdup(err->message);
    return text;
}

/* Goes on in memory when the file cannot be written: the rows are undone in any case, and the next
 * daemon, which reads the old file, undoes them again. */
static void
keep_in_memory(Ledger *l)
{
    fd_close(&l->fd);
    g_clear_pointer(&l->path, g_free);
}

static gboolean
put_in_order(Ledger *l, GError **err)
{
    if (l->broken && access(l->path, F_OK) == 0)
        return fail(err, ERR_SYSTEM, "%s is in the way", l->path);
    if (l->rows->len == 0) {
        drop_file(l);
        return file_remove(l->path, err);
    }
    if (l->broken || l->lines > lines_needed(l))
        return compact(l, err);
    l->fd = open(l->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    return l->fd >= 0 || fail_errno(err, errno, "cannot open %s", l->path);
}

static void
load(Ledger *l)
{
    g_autoptr(GError) err = NULL;
    gsize len;
    g_autofree char *text = read_text(l->path, &len, &l->broken);

    if (text)
        replay(l, text, len, &l->broken);
    if (l->broken)
        file_set_aside(l->path, l->broken);
    if (put_in_order(l, &err))
        return;
    log_error("ledger of %s '%s': %s; it is kept in memory only", l->kind, l->name, err->message);
    keep_in_memory(l);
}

Ledger *
ledger_open(const char *path, const char *kind, const char *name)
{
    Ledger *l = g_new0(Ledger, 1);

    l->fd = -1;
    l->path = g_strdup(path);
    l->kind = g_strdup(kind);
    l->name = g_strdup(name);
    l->rows = g_ptr_array_new_with_free_func(row_free);
    l->marks = g_array_new(FALSE, TRUE, sizeof(Mark));
    if (path && access(path, F_OK) == 0)
        load(l);
    return l;
}

void
ledger_free(Ledger *l)
{
    if (!l)
        return;
    fd_close(&l->fd);
    g_ptr_array_unref(l->rows);
    g_array_unref(l->marks);
    g_free(l->broken);
    g_free(l->path);
    g_free(l->kind);
    g_free(l->name);
    g_free(l);
}

/* ---- rows */

LedgerRow *
ledger_find(const Ledger *l, guint64 flow, const Step *step, const char *key)
{
    for (guint i = l->rows->len; i-- > 0;) {
        LedgerRow *row = l->rows->pdata[i];
        if (row->flow == flow && row->step == step && strcmp(row->key, key) == 0)
            return row;
    }
    return NULL;
}

LedgerRow *
ledger_at(const Ledger *l, guint64 no)
{
    for (guint i = l->rows->len; i-- > 0;)
        if (((LedgerRow *)l->rows->pdata[i])->no == no)
            return l->rows->pdata[i];
    return NULL;
}

static gboolean
is_wanted(const Ledger *l, const LedgerRow *row, Rows which, guint64 flow, const char *key)
{
    switch (which) {
    case ROWS_ALL:
        return TRUE;
    case ROWS_OF_FLOW:
        return row->flow == flow;
    case ROWS_OF_KEY:
        return strcmp(row->key, key) == 0;
    case ROWS_LOOSE:
        return !mark_find(l, row->flow)->committed;
    }
    return FALSE;
}

LedgerRow *
ledger_newest(const Ledger *l, Rows which, guint64 flow, const char *key)
{
    for (guint i = l->rows->len; i-- > 0;)
        if (is_wanted(l, l->rows->pdata[i], which, flow, key))
            return l->rows->pdata[i];
    return NULL;
}

/* What goes to disk for a row that is not there yet: with it, perhaps, its flow's begin, and the
 * file's. */
static gboolean
write_row(Ledger *l, guint64 flow, gboolean begins, const FlowTable *table, const Step *step,
          const char *key, const char *const *words, GError **err)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (!l->path)
        return TRUE;
    if (l->fd < 0)
        put_head(text, l);
    if (begins)
        put_begin(text, flow, table);
    put_row(text, l->last_row + 1, flow, step, key, words);
    return l->fd < 0 ? write_whole(l, text, err) : append(l, text, err);
}

static gboolean
write_words(Ledger *l, const LedgerRow *row, const char *const *words, GError **err)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (!l->path)
        return TRUE;
    put_row(text, row->no, row->flow, row->step, row->key, words);
    return append(l, text, err);
}

gboolean
ledger_note(Ledger *l, guint64 *flow, const FlowTable *table, const Step *step, const char *key,
            const char *const *words, GError **err)
{
    LedgerRow *row = *flow ? ledger_find(l, *flow, step, key) : NULL;
    guint64 no = *flow ? *flow : l->last_flow + 1;
    Mark mark = { .flow = no, .table = table };
    gboolean begins = !mark_find(l, no);

    if (row) {
        if (!write_words(l, row, words, err))
            return FALSE;
    } else {
        if (!write_row(l, no, begins, table, step, key, words, err))
            return FALSE;
        if (begins)
            g_array_append_val(l->marks, mark);
        row = add_row(l, l->last_row + 1, &mark, step, key);
        l->last_flow = MAX(l->last_flow, no);
        *flow = no;
    }
    set_words(row, (char **)words);
    return TRUE;
}

void
ledger_undone(Ledger *l, guint64 no)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) err = NULL;
    Number n;

    g_ptr_array_remove(l->rows, ledger_at(l, no));
    if (l->rows->len == 0) {
        drop_file(l);
        return;
    }
    put_line(text, "undone", WORDS(number(n, no)));
    /* Undone twice is harmless, so a full disk here is only worth a word. */
    if (l->path && !append(l, text, &err))
        log_warning("%s", err->message);
}

gboolean
ledger_commit(Ledger *l, guint64 flow, GError **err)
{
    g_autoptr(GString) text = g_string_new(NULL);
    Mark *mark = flow ? mark_find(l, flow) : NULL;

    if (!mark)
        return TRUE;
    put_commit(text, flow);
    if (l->path && !append(l, text, err))
        return FALSE;
    mark->committed = TRUE;
    drop_for_good(l, mark);
    if (l->rows->len == 0)
        drop_file(l);
    compact_if_long(l);
    return TRUE;
}

void
ledger_unwind(Ledger *l)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) err = NULL;

    if (l->unwinding || l->rows->len == 0)
        return;
    l->unwinding = TRUE;
    put_line(text, "unwind", WORDS(NULL));
    if (l->path && !append(l, text, &err))
        log_warning("%s", err->message);
}

/* ---- lines that were found again */

/* Numbers are given by compact. */
static void
restore_line(Ledger *l, const Mark *mark, const LedgerLine *line)
{
    static char *none[] = { NULL };
    const Step *step = step_find(mark->table, line->step);
    const char *key = line->key ? line->key : "";

    if (ledger_words(l, mark->table, line->step, line->key))
        return;
    set_words(add_row(l, l->last_row + 1, mark, step, key), line->words ? line->words : none);
}

/* The flow of that table that is there already, or a new one. */
static Mark
mark_of(Ledger *l, const FlowTable *table)
{
    Mark mark = { .flow = l->last_flow + 1, .table = table };

    for (guint i = 0; i < l->marks->len; i++)
        if (g_array_index(l->marks, Mark, i).table == table)
            return g_array_index(l->marks, Mark, i);
    l->last_flow++;
    g_array_append_val(l->marks, mark);
    return mark;
}

/* Where a row stands among those of the table; what other tables did came after it. */
static gsize
place_of(const LedgerRow *row, const FlowTable *table)
{
    return row->table == table ? (gsize)(row->step - table->steps) : G_MAXSIZE;
}

static gint
by_place(gconstpointer a, gconstpointer b, gpointer table)
{
    gsize one = place_of(*(LedgerRow *const *)a, table);
    gsize two = place_of(*(LedgerRow *const *)b, table);

    return one < two ? -1 : one > two;
}

/* What was lost from the middle is undone in its turn, not first. */
void
ledger_restore(Ledger *l, const FlowTable *table, const LedgerLine *lines, gsize n)
{
    Mark mark = mark_of(l, table);
    g_autoptr(GError) err = NULL;

    for (gsize i = 0; i < n; i++)
        restore_line(l, &mark, &lines[i]);
    g_ptr_array_sort_with_data(l->rows, by_place, (gpointer)table);
    for (guint i = 0; i < l->marks->len; i++)
        g_array_index(l->marks, Mark, i).committed = TRUE;
    if (l->path && !compact(l, &err))
        log_error("ledger of %s '%s': %s", l->kind, l->name, err->message);
}

/* ---- for everybody */

gboolean
ledger_empty(const Ledger *l)
{
    return l->rows->len == 0;
}

const char *
ledger_broken(const Ledger *l)
{
    return l->broken;
}

gboolean
ledger_unwinding(const Ledger *l)
{
    return l->unwinding;
}

gboolean
ledger_committed(const Ledger *l, const FlowTable *table)
{
    for (guint i = 0; i < l->rows->len; i++) {
        const LedgerRow *row = l->rows->pdata[i];
        if (row->table == table && mark_find(l, row->flow)->committed)
            return TRUE;
    }
    return FALSE;
}

gboolean
ledger_loose(const Ledger *l, const FlowTable *table)
{
    for (guint i = 0; i < l->rows->len; i++) {
        const LedgerRow *row = l->rows->pdata[i];
        if ((!table || row->table == table) && !mark_find(l, row->flow)->committed)
            return TRUE;
    }
    return FALSE;
}

gboolean
ledger_has_key(const Ledger *l, const char *key)
{
    return ledger_newest(l, ROWS_OF_KEY, 0, key) != NULL;
}

const char *const *
ledger_words(const Ledger *l, const FlowTable *table, const char *step, const char *key)
{
    for (guint i = l->rows->len; i-- > 0;) {
        const LedgerRow *row = l->rows->pdata[i];
        if (row->table == table && strcmp(row->step->name, step) == 0 &&
            strcmp(row->key, key ? key : "") == 0)
            return (const char *const *)row->words;
    }
    return NULL;
}

char *
ledger_read_name(const char *path)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) words = NULL;
    char *end;

    if (!file_read(path, SIZE_LIMIT, &text, NULL, NULL) || !(end = strchr(text, '\n')))
        return NULL;
    *end = '\0';
    words = sum_is_right(text) ? split(text) : NULL;
    return words && g_strv_length(words) == 4 ? g_strdup(words[3]) : NULL;
}

/* Definitions on disk: what is found, what is kept as it is, what a daemon that died had begun. */
#include "core/core.h"
#include "unit.h"

#include <limits.h>
#include <sys/stat.h>

typedef struct Thing {
    char *name;
    guint8 uuid[UUID_LEN];
} Thing;

static const Field thing_fields[] = {
    ROW(Thing, "name", F_STRING, name, F_REQUIRED, NULL, "Name."),
    ROW(Thing, "uuid", F_UUID, uuid, 0, NULL, "UUID."),
    ROW_END,
};
static const Schema thing_schema = { "thing", sizeof(Thing), thing_fields };
static guint n_checks;

static gboolean
check_thing(const char *text, gsize len, char **ret_name, guint8 ret_uuid[UUID_LEN], GError **err)
{
    Thing *t = xml_parse(&thing_schema, NULL, text, (gssize)len, 0, err);

    n_checks++;
    if (!t)
        return FALSE;
    *ret_name = g_strdup(t->name);
    memcpy(ret_uuid, t->uuid, UUID_LEN);
    schema_free(&thing_schema, t);
    return TRUE;
}

static const StoreKind things = { "thing", "thing", check_thing };

#define UUID_A "c7a5fdbd-edaf-9455-926a-d65c16db1801"
#define UUID_B "c7a5fdbd-edaf-9455-926a-d65c16db1802"

static char *
thing(const char *name, const char *uuid)
{
    return g_strdup_printf("<thing>\n  <name>%s</name>\n  <uuid>%s</uuid>\n</thing>\n", name, uuid);
}

static int
setup(void **state)
{
    n_checks = 0;
    *state = g_dir_make_tmp("unit-XXXXXX", NULL);
    return *state ? 0 : -1;
}

static int
teardown(void **state)
{
    g_autofree char *dir = *state;

    return dir_remove(dir, NULL) ? 0 : -1;
}

static Store *
open_store(void **state)
{
    g_autoptr(GError) err = NULL;
    Store *s = store_open(&things, *state, &err);

    assert_null(err);
    assert_non_null(s);
    return s;
}

static void
put(Store *s, const char *name, const char *uuid)
{
    g_autofree char *text = thing(name, uuid);
    g_autoptr(GError) err = NULL;

    if (!store_put(s, name, text, &err))
        unit_fail("%s: %s", name, err->message);
}

/* By hand, as an administrator would. */
static void
leave(void **state, const char *file, const char *text, gsize len)
{
    g_autofree char *path = g_build_filename(*state, file, NULL);

    assert_true(g_file_set_contents(path, text, (gssize)len, NULL));
}

static void
leave_text(void **state, const char *file, const char *text)
{
    leave(state, file, text, strlen(text));
}

static gboolean
there(void **state, const char *file)
{
    g_autofree char *path = g_build_filename(*state, file, NULL);
    FileStamp stamp;

    return file_stamp(path, &stamp);
}

/* ---- what a load finds, as text: "a, b+always, c: broken" */

static void
describe(const StoreFound *found, gpointer user)
{
    GString *all = user;

    g_string_append_printf(all, "%s%s%s%s%s", all->len ? ", " : "", found->name,
                           found->autostart[AUTOSTART_ALWAYS] ? "+always" : "",
                           found->autostart[AUTOSTART_ONCE] ? "+once" : "",
                           found->broken ? found->made_up ? ": lost" : ": broken" : "");
    assert_true(found->broken || !found->made_up);
    assert_true(!found->broken || !uuid_is_zero(found->uuid));
}

static void
assert_found(Store *s, const char *want)
{
    g_autoptr(GString) all = g_string_new(NULL);

    assert_true(store_load(s, describe, all, NULL));
    assert_string_equal(all->str, want);
}

typedef struct Reason {
    const char *name;
    char *text;
    guint8 uuid[UUID_LEN];
} Reason;

static void
note_reason(const StoreFound *found, gpointer user)
{
    Reason *r = user;

    if (strcmp(found->name, r->name) != 0)
        return;
    r->text = g_strdup(found->broken ? found->broken->message : "");
    memcpy(r->uuid, found->uuid, UUID_LEN);
}

static void
assert_reason(Store *s, const char *name, const char *words)
{
    Reason r = { .name = name };

    assert_true(store_load(s, note_reason, &r, NULL));
    assert_non_null(r.text);
    if (!strstr(r.text, words))
        unit_fail("'%s' is not in the reason of '%s': %s", words, name, r.text);
    g_free(r.text);
}

/* ---- */

static void
what_was_put_is_found(void **state)
{
    Store *s = open_store(state);
    g_autofree char *text = NULL, *want = thing("b", UUID_B);
    FileStamp stamp, now;
    gsize len;

    put(s, "b", UUID_B);
    put(s, "a", UUID_A);
    assert_true(store_set_autostart(s, "b", AUTOSTART_ALWAYS, TRUE, NULL));
    assert_true(store_set_autostart(s, "b", AUTOSTART_ALWAYS, TRUE, NULL));
    assert_true(store_set_autostart(s, "a", AUTOSTART_ONCE, TRUE, NULL));
    n_checks = 0;
    assert_found(s, "a+once, b+always");
    assert_int_equal(n_checks, 0);
    text = store_text(s, "b", &len, &stamp, NULL);
    assert_string_equal(text, want);
    assert_int_equal(len, strlen(want));
    assert_true(store_stamp(s, "b", &now) && file_stamp_equal(&stamp, &now));
    assert_true(store_set_autostart(s, "a", AUTOSTART_ONCE, FALSE, NULL));
    assert_true(store_remove(s, "b", NULL));
    assert_false(store_stamp(s, "b", &now));
    assert_found(s, "a");
    put(s, "b", UUID_B);
    assert_found(s, "a, b");
    store_free(s);
}

static void
what_cannot_be_read_back_is_not_put(void **state)
{
    static const char *const bad[] = { "",
                                       "<thing",
                                       "<thing><name>b</name></thing>",
                                       "<thing><name>a</name><name",
                                       "<other><name>a</name></other>",
                                       "<thing><name>a\x01</name></thing>",
                                       "<thing><name>a</name>\xff</thing>",
                                       "<thing>\n  <name>a</name>\n  <uuid>" UUID_A
                                       "</uuid>\n  <x y z='1'/>\n</thing>\n",
                                       "<thing>\n  <name>a</name>\n  <uuid>" UUID_A
                                       "</uuid>\n  \x02\n</thing>\n" };
    Store *s = open_store(state);
    g_autofree char *before = NULL, *after = NULL, *huge = g_strnfill(XML_DOCUMENT_MAX, ' ');
    g_autofree char *large = g_strconcat("<thing><name>a</name>", huge, "</thing>", NULL);
    gsize len;

    put(s, "a", UUID_A);
    before = store_text(s, "a", &len, NULL, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) err = NULL;
        assert_false(store_put(s, "a", bad[i], &err));
        assert_non_null(err);
    }
    assert_false(store_put(s, "a", large, NULL));
    after = store_text(s, "a", &len, NULL, NULL);
    assert_string_equal(before, after);
    assert_false(there(state, "a.xml.new"));
    store_free(s);
}

static void
names_fit_into_names_of_files(void **state)
{
    Store *s = open_store(state);
    g_autofree char *longest = g_strnfill(NAME_MAX - strlen(".xml.once"), 'x');
    g_autofree char *longer = g_strconcat(longest, "x", NULL);
    static const char *const bad[] = { "", ".", "..", "a/b", "a\nb", "\xff", "a\x01" };

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_false(store_name_check(&things, bad[i], NULL));
    assert_false(store_name_check(&things, longer, NULL));
    put(s, longest, UUID_A);
    assert_true(store_set_autostart(s, longest, AUTOSTART_ONCE, TRUE, NULL));
    assert_true(store_remove(s, longest, NULL));
    assert_found(s, "");
    store_free(s);
}

/* Each keeps its place and its content, and is told of with the reason. */
static void
broken_ones_are_told(void **state)
{
    Store *s = open_store(state);
    g_autofree char *good = thing("good", UUID_A), *twin = thing("twin", UUID_A);
    g_autofree char *cut = g_strndup(good, strlen(good) - 5), *other = thing("other", UUID_B);
    g_autofree char *folder = g_build_filename(*state, "folder.xml", NULL);
    g_autofree char *pipe = g_build_filename(*state, "pipe.xml", NULL);
    g_autofree char *link = g_build_filename(*state, "link.xml", NULL);
    g_autofree char *big = g_build_filename(*state, "big.xml", NULL);
    gsize len;
    char *text;

    leave_text(state, "good.xml", good);
    leave_text(state, "twin.xml", twin);
    leave_text(state, "cut.xml", cut);
    leave_text(state, "empty.xml", "");
    leave_text(state, "name.xml", other);
    leave(state, "zero.xml", "\0\0\0", 3);
    leave_text(state, "latin.xml", "<thing><name>latin</name>\xe4</thing>");
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(symlink("good.xml", link), 0);
    leave_text(state, "big.xml", "");
    assert_int_equal(truncate(big, 64 << 20), 0);

    assert_found(s, "big: lost, cut: lost, empty: lost, folder: lost, good, latin: lost, "
                    "link: lost, name: broken, pipe: lost, twin: lost, zero: lost");
    assert_reason(s, "twin", "UUID of thing 'good'");
    assert_reason(s, "name", "it defines thing 'other'");
    assert_reason(s, "folder", "a folder");
    assert_reason(s, "pipe", "a pipe");
    assert_reason(s, "link", "a symbolic link");
    assert_reason(s, "big", "too large");
    text = store_text(s, "cut", &len, NULL, NULL);
    assert_string_equal(text, cut);
    g_free(text);
    store_free(s);
}

/* One that cannot be read stands aside for one that can, whatever they are called. */
static void
a_uuid_is_the_good_ones(void **state)
{
    g_autofree char *good = thing("z", UUID_A);
    Store *s = open_store(state);

    leave(state, "a.xml", good, strlen(good) - 3); /* says the same, and ends too early */
    leave_text(state, "z.xml", good);
    assert_found(s, "a: lost, z");
    assert_true(store_remove(s, "z", NULL));
    assert_found(s, "a: broken");
    store_free(s);
}

static void
a_made_up_uuid_stays(void **state)
{
    Reason first = { .name = "a" }, second = { .name = "a" };
    Store *s = open_store(state);

    leave_text(state, "a.xml", "<thing");
    assert_true(store_load(s, note_reason, &first, NULL));
    store_free(s);
    s = open_store(state);
    assert_true(store_load(s, note_reason, &second, NULL));
    assert_memory_equal(first.uuid, second.uuid, UUID_LEN);
    g_free(first.text);
    g_free(second.text);
    store_free(s);
}

static void
odd_files_can_be_removed(void **state)
{
    Store *s = open_store(state);

    leave_text(state, "a\xff.xml", "<thing");
    leave_text(state, "a\nb.xml", "<thing");
    leave_text(state, ".#lock.xml", "");
    assert_found(s, "a\\nb: lost, a\\377: lost");
    assert_true(store_remove(s, "a\\377", NULL));
    assert_true(store_remove(s, "a\\nb", NULL));
    assert_found(s, "");
    assert_true(there(state, ".#lock.xml"));
    store_free(s);
}

static void
what_is_in_the_way_stays(void **state)
{
    Store *s = open_store(state);
    g_autofree char *folder = g_build_filename(*state, "a.xml", NULL), *text = thing("a", UUID_A);
    g_autoptr(GError) err = NULL;

    assert_int_equal(mkdir(folder, 0700), 0);
    assert_false(store_put(s, "a", text, &err));
    assert_false(there(state, "a.xml.new"));
    assert_false(store_remove(s, "a", NULL));
    assert_false(there(state, ".pending"));
    assert_true(there(state, "a.xml"));
    store_free(s);
}

static void
a_new_one_inherits_no_links(void **state)
{
    g_autofree char *link = g_build_filename(*state, "autostart", "a.xml", NULL);
    Store *s = open_store(state);

    assert_int_equal(symlink("../a.xml", link), 0);
    put(s, "a", UUID_A);
    assert_found(s, "a");
    store_free(s);
}

/* ---- writes that the loop does not wait for */

typedef struct Writing {
    gboolean yes;
    guint n_asked, n_taken, n_done, n_failed;
    guint *order; /* a counter that several share */
    guint place;  /* what it was when this one was done */
} Writing;

static gboolean
may(gpointer user, GError **err)
{
    Writing *w = user;

    w->n_asked++;
    return w->yes || fail(err, ERR_OPERATION_INVALID, "no more");
}

static void
on_taken(gpointer user)
{
    ((Writing *)user)->n_taken++;
}

static void
on_write_done(const GError *err, gpointer user)
{
    Writing *w = user;

    w->n_done++;
    w->n_failed += err != NULL;
    if (w->order)
        w->place = ++*w->order;
}

static void
write_thing(Store *s, const char *name, const char *uuid, Writing *w)
{
    const StoreWrite how = { may, on_taken, on_write_done, w };
    g_autofree char *text = thing(name, uuid);

    store_write(s, name, text, &how);
}

static void
wait_for(const guint *counter)
{
    while (!*counter)
        g_main_context_iteration(NULL, TRUE);
}

/* How many files of the folder are of no definition. */
static guint
n_strays(void **state)
{
    g_autoptr(GDir) dir = g_dir_open(*state, 0, NULL);
    const char *name;
    guint n = 0;

    while ((name = g_dir_read_name(dir)))
        n += g_str_has_suffix(name, ".new");
    return n;
}

static void
a_write_counts_when_it_is_in_place(void **state)
{
    Writing w = { .yes = TRUE }, refused = { 0 };
    Store *s = open_store(state);

    write_thing(s, "a", UUID_A, &w);
    wait_for(&w.n_done);
    assert_int_equal(w.n_asked, 1);
    assert_int_equal(w.n_taken, 1);
    assert_int_equal(w.n_failed, 0);
    write_thing(s, "a", UUID_B, &refused);
    wait_for(&refused.n_done);
    assert_int_equal(refused.n_taken, 0);
    assert_int_equal(refused.n_failed, 1);
    assert_found(s, "a");
    assert_int_equal(n_strays(state), 0);
    store_free(s);
}

static void
writes_of_one_name_follow_each_other(void **state)
{
    guint order = 0;
    Writing first = { .yes = TRUE, .order = &order }, second = first, other = first;
    g_autofree char *last = thing("a", UUID_B), *now = NULL;
    Store *s = open_store(state);
    gsize len;

    write_thing(s, "a", UUID_A, &first);
    write_thing(s, "a", UUID_B, &second);
    write_thing(s, "b", UUID_A, &other);
    wait_for(&second.n_done);
    wait_for(&other.n_done);
    assert_true(first.n_done == 1 && first.place < second.place);
    now = store_text(s, "a", &len, NULL, NULL);
    assert_string_equal(now, last);
    assert_int_equal(n_strays(state), 0);
    store_free(s);
}

static void
a_store_that_closes_tells_nobody(void **state)
{
    Writing w = { .yes = TRUE }, next = w;
    Store *s = open_store(state);

    write_thing(s, "a", UUID_A, &w);
    write_thing(s, "a", UUID_B, &next);
    store_free(s);
    if (!w.n_done) /* at once where the folder is in memory; else a worker is still to come back */
        g_main_context_iteration(NULL, TRUE);
    assert_int_equal(n_strays(state), 0);
    assert_int_equal(w.n_done, w.n_taken);
    assert_int_equal(next.n_done, next.n_taken);
}

static void
what_cannot_be_written_leaves_nothing(void **state)
{
    const StoreWrite how = { may, on_taken, on_write_done, &(Writing){ .yes = TRUE } };
    g_autofree char *gone = g_strconcat(*state, "/gone", NULL);
    Writing w = { .yes = TRUE };
    Store *s = store_open(&things, gone, NULL);

    store_write(s, "a", "<other/>", &how);
    assert_int_equal(((Writing *)how.user)->n_failed, 1);
    assert_true(dir_remove(gone, NULL));
    write_thing(s, "a", UUID_A, &w);
    wait_for(&w.n_done);
    assert_int_equal(w.n_failed, 1);
    assert_int_equal(w.n_taken, 0);
    store_free(s);
}

static void
on_settled(const GError *err, gpointer user)
{
    *(guint *)user += err ? 100 : 1;
}

static void
removals_settle(void **state)
{
    guint n_settled = 0;
    Store *s = open_store(state);

    put(s, "a", UUID_A);
    assert_true(store_set_autostart(s, "a", AUTOSTART_ONCE, TRUE, NULL));
    assert_true(store_set_autostart(s, "a", AUTOSTART_ONCE, FALSE, NULL));
    assert_true(store_remove(s, "a", NULL));
    store_settle(s, on_settled, &n_settled);
    wait_for(&n_settled);
    assert_int_equal(n_settled, 1);
    assert_found(s, "");
    store_free(s);
}

static void
what_was_never_in_place_goes_at_the_next_start(void **state)
{
    Store *s = open_store(state);

    put(s, "a", UUID_A);
    store_free(s);
    leave_text(state, ".7.new", "<thing>");
    leave_text(state, "a.xml.new", "<thing>");
    s = open_store(state);
    assert_int_equal(n_strays(state), 0);
    assert_found(s, "a");
    store_free(s);
}

/* ---- renames and removals that were interrupted */

static void
links_go_along(void **state)
{
    Store *s = open_store(state);
    g_autofree char *text = thing("b", UUID_A), *other = thing("c", UUID_A);

    put(s, "a", UUID_A);
    put(s, "c", UUID_B);
    store_set_autostart(s, "a", AUTOSTART_ALWAYS, TRUE, NULL);
    store_set_autostart(s, "a", AUTOSTART_ONCE, TRUE, NULL);
    assert_false(store_rename(s, "a", "c", other, NULL));
    assert_found(s, "a+always+once, c");
    assert_true(store_rename(s, "a", "b", text, NULL));
    assert_found(s, "b+always+once, c");
    assert_false(there(state, ".pending"));
    store_free(s);
}

static void
a_rename_is_finished_or_was_none(void **state)
{
    g_autofree char *link = g_build_filename(*state, "autostart", "b.xml", NULL);
    g_autofree char *text = thing("b", UUID_A);
    Store *s = open_store(state);

    put(s, "a", UUID_A);
    store_set_autostart(s, "a", AUTOSTART_ALWAYS, TRUE, NULL);
    store_free(s);
    leave_text(state, ".pending", "rename\na\nb\n"); /* the file of b was never there */
    assert_int_equal(symlink("../b.xml", link), 0);
    s = open_store(state);
    assert_found(s, "a+always");
    assert_false(there(state, "autostart/b.xml"));
    store_free(s);
    leave_text(state, ".pending", "rename\na\nb\n");
    leave_text(state, "b.xml", text);
    s = open_store(state);
    assert_found(s, "b+always");
    assert_false(there(state, ".pending") || there(state, "a.xml"));
    store_free(s);
}

static void
a_removal_is_finished(void **state)
{
    Store *s = open_store(state);

    put(s, "a", UUID_A);
    store_set_autostart(s, "a", AUTOSTART_ALWAYS, TRUE, NULL);
    store_free(s);
    leave_text(state, ".pending", "remove\na\n\n");
    s = open_store(state);
    assert_found(s, "");
    assert_false(there(state, "autostart/a.xml") || there(state, ".pending"));
    store_free(s);
}

static void
what_was_begun_is_no_riddle(void **state)
{
    Store *s;

    leave_text(state, ".pending", "rm -rf");
    s = open_store(state);
    put(s, "a", UUID_A);
    assert_found(s, "a");
    assert_true(there(state, ".pending.broken-1"));
    store_free(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(what_was_put_is_found),
        TEST(what_cannot_be_read_back_is_not_put),
        TEST(names_fit_into_names_of_files),
        TEST(broken_ones_are_told),
        TEST(a_uuid_is_the_good_ones),
        TEST(a_made_up_uuid_stays),
        TEST(odd_files_can_be_removed),
        TEST(what_is_in_the_way_stays),
        TEST(a_new_one_inherits_no_links),
        TEST(a_write_counts_when_it_is_in_place),
        TEST(writes_of_one_name_follow_each_other),
        TEST(a_store_that_closes_tells_nobody),
        TEST(what_cannot_be_written_leaves_nothing),
        TEST(removals_settle),
        TEST(what_was_never_in_place_goes_at_the_next_start),
        TEST(links_go_along),
        TEST(a_rename_is_finished_or_was_none),
        TEST(a_removal_is_finished),
        TEST(what_was_begun_is_no_riddle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

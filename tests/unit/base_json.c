/* Rows to JSON and back, and files of state: whole and unchanged, or not taken at all. */
#include "base/base.h"
#include "unit.h"

#include <glib/gstdio.h>

typedef struct Claim {
    char *kind, *key;
    gboolean shared;
} Claim;

enum { COLOUR_RED = 1, COLOUR_BLUE };

typedef struct State {
    char *name;
    gint32 id;
    guint32 flags;
    gint64 since;
    guint64 start_time;
    guint64 wwn;
    guint8 has_id;
    gboolean ready;
    int colour;
    char *red; /* of the colour red */
    guint8 uuid[UUID_LEN];
    Bitmap *cpus;
    char **words;
    GPtrArray *claims;
    Claim own;
    Claim *rare;
    char *live, *secret, *old;
} State;

static const char *const colours[] = { NULL, "red", "blue", NULL };

static const Field claim_fields[] = {
    ROW(Claim, "kind", F_STRING, kind, F_REQUIRED, NULL, "Kind."),
    ROW(Claim, "key", F_STRING, key, 0, NULL, "Key."),
    ROW(Claim, "shared", F_FLAG, shared, 0, NULL, "Others have it too."),
    ROW_END,
};
static const Schema claim_schema = { "claim", sizeof(Claim), claim_fields };

static const Field state_fields[] = {
    ROW(State, "@name", F_STRING, name, F_REQUIRED, NULL, "Name."),
    ROW_HAS(State, "id", F_I32, id, 0, RANGE(-1, 1000), "Id."),
    ROW(State, "flags", F_U32, flags, F_ALWAYS, NULL, "Flags."),
    ROW(State, "process/since", F_I64, since, 0, NULL, "Since."),
    ROW(State, "process/start", F_U64, start_time, 0, NULL, "Start time."),
    ROW(State, "wwn", F_U64, wwn, 0, HEX(16, G_MAXUINT64), "Spelled in its own way."),
    ROW(State, "ready", F_FLAG, ready, 0, NULL, "Ready."),
    ROW(State, "colour", F_ENUM, colour, 0, colours, "Colour."),
    WHEN(State, colour, BIT(COLOUR_RED)),
    ROW(State, "red", F_STRING, red, 0, NULL, "Of what is red."),
    WHEN_END,
    ROW(State, "uuid", F_UUID, uuid, 0, NULL, "UUID."),
    ROW(State, "cpus", F_BITMAP, cpus, 0, NULL, "Processors."),
    ROW(State, "words", F_STRINGS, words, 0, NULL, "Words."),
    ROW(State, "claims/claim", F_LIST, claims, 0, &claim_schema, "Claims."),
    ROW(State, "own", F_STRUCT, own, 0, &claim_schema, "Own claim."),
    ROW(State, "rare", F_PTR, rare, 0, &claim_schema, "Rare claim."),
    ROW(State, "live", F_STRING, live, F_LIVE, NULL, "Of what runs."),
    ROW(State, "secret", F_STRING, secret, F_SECRET, NULL, "Secret."),
    ROW(State, "old", F_STRING, old, F_READ, NULL, "Of an older one."),
    ROW_END,
};
static const Schema state_schema = { "state", sizeof(State), state_fields };

#define FULL                                                                                            \
    "{\"name\":\"a \\\"b\\\" \\n \303\244\",\"id\":0,\"flags\":0,\"process\":{\"since\":-5,\"start\":"  \
    "18446744073709551615},\"wwn\":\"0x00000000000000ff\",\"ready\":true,\"colour\":\"red\",\"red\":"   \
    "\"wine\",\"uuid\":\"01000000-0000-0000-0000-000000000000\",\"cpus\":\"0-2,5\",\"words\":[\"one\"," \
    "\"\"],\"claims\":{\"claim\":[{\"kind\":\"port\",\"key\":\"5900\"},{\"kind\":\"image\",\"shared\":" \
    "true}]},\"own\":{\"kind\":\"cid\"},\"rare\":{\"kind\":\"link\"},\"live\":\"l\",\"secret\":\"s\"}"

static State *
read_state(const char *text, GError **err)
{
    json_object *o = json_tokener_parse(text);
    State *state = schema_from_json(&state_schema, o, XML_LIVE | XML_SECURE, err);

    json_object_put(o);
    return state;
}

static char *
write_state(const State *state, guint flags)
{
    json_object *o = schema_to_json(&state_schema, state, flags);
    char *text = g_strdup(
        json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));

    json_object_put(o);
    return text;
}

static void
all_kinds_go_there_and_back(void **state)
{
    g_autoptr(GError) err = NULL;
    State *s = read_state(FULL, &err);
    g_autofree char *text = NULL;

    assert_null(err);
    assert_string_equal(s->name, "a \"b\" \n \303\244");
    assert_true(s->has_id);
    assert_true(s->start_time == G_MAXUINT64);
    assert_int_equal(s->since, -5);
    assert_int_equal(s->wwn, 255);
    assert_int_equal(s->colour, COLOUR_RED);
    assert_string_equal(s->words[1], "");
    assert_null(s->words[2]);
    assert_int_equal(s->claims->len, 2);
    assert_true(((Claim *)s->claims->pdata[1])->shared);
    assert_string_equal(s->rare->kind, "link");
    text = write_state(s, XML_LIVE | XML_SECURE);
    assert_string_equal(text, FULL);
    schema_free(&state_schema, s);
}

static void
what_is_not_there_is_not_written(void **state)
{
    State *s = read_state(
        "{\"name\":\"a\",\"own\":{\"kind\":\"x\"},\"live\":\"l\",\"secret\":\"s\","
        "\"old\":\"o\",\"unknown\":[{}],\"colour\":\"blue\",\"red\":7}",
        NULL);
    g_autofree char *text = NULL;

    assert_non_null(s);
    assert_string_equal(s->old, "o");
    assert_null(s->red); /* not of this colour */
    text = write_state(s, 0);
    assert_string_equal(
        text, "{\"name\":\"a\",\"flags\":0,\"colour\":\"blue\",\"own\":{\"kind\":\"x\"}}");
    schema_free(&state_schema, s);
}

static void
what_is_wrong_is_told_by_name(void **state)
{
    static const struct {
        const char *members, *says;
    } rows[] = {
        { "\"id\":1001", "state: member 'id' is '1001': expected integer" },
        { "\"id\":\"1\"", "state: member 'id' is '\"1\"': expected integer" },
        { "\"id\":1.5", "state: member 'id' is '1.5': expected integer" },
        { "\"id\":null", "state: member 'id' is 'null': expected integer" },
        { "\"flags\":-1", "state: member 'flags' is '-1': expected non-negative integer" },
        { "\"flags\":4294967296",
          "state: member 'flags' is '4294967296': expected non-negative integer" },
        { "\"wwn\":255", "state: member 'wwn' is '255': expected non-negative integer" },
        { "\"ready\":1", "state: member 'ready' is '1': expected true or false" },
        { "\"colour\":\"green\"", "state: member 'colour' is '\"green\"': expected word" },
        { "\"uuid\":\"x\"", "state: member 'uuid' is '\"x\"': expected UUID" },
        { "\"words\":[\"a\",1]",
          "state: member 'words' is '[\"a\",1]': expected an array of texts" },
        { "\"live\":\"a\\u0000b\"", "state: member 'live' is '\"a\\u0000b\"': expected text" },
        { "\"claims\":{\"claim\":{}}",
          "state: member 'claims/claim' is '{}': expected an array of objects" },
        { "\"claims\":{\"claim\":[{}]}", "state: in 'claims/claim': member 'kind' is missing" },
        { "\"rare\":[]", "state: member 'rare' is '[]': expected an object" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) err = NULL;
        g_autofree char *text = g_strdup_printf("{\"name\":\"a\",\"own\":{\"kind\":\"x\"},%s}",
                                                rows[i].members);
        assert_null(read_state(text, &err));
        assert_string_equal(err->message, rows[i].says);
    }
    assert_null(read_state("{}", NULL));
    assert_null(read_state("[]", NULL));
}

static void
what_is_there_already_is_kept(void **state)
{
    State *s = read_state(FULL, NULL);
    json_object *o = json_tokener_parse(
        "{\"name\":\"new\",\"own\":{\"kind\":\"y\"},\"rare\":{\"kind\":\"z\"},\"id\":7}");
    Claim *rare = s->rare;

    assert_true(schema_read_json(&state_schema, o, 0, s, NULL));
    assert_string_equal(s->name, "new");
    assert_ptr_equal(s->rare, rare);
    assert_string_equal(s->rare->kind, "z");
    assert_string_equal(s->red, "wine");
    json_object_put(o);
    schema_free(&state_schema, s);
}

/* ---- files */

static char *dir, *path;

static int
setup(void **state)
{
    dir = g_dir_make_tmp("vmd-json-XXXXXX", NULL);
    path = g_build_filename(dir, "state", NULL);
    return 0;
}

static int
teardown(void **state)
{
    dir_remove(dir, NULL);
    g_clear_pointer(&dir, g_free);
    g_clear_pointer(&path, g_free);
    return 0;
}

static void
a_file_is_read_as_it_was_written(void **state)
{
    json_object *o = json_tokener_parse(FULL), *again;
    g_autoptr(GError) err = NULL;

    assert_null(json_file_read(path, &err));
    assert_null(err); /* it is not there */
    assert_true(json_file_write(path, o, NULL));
    again = json_file_read(path, &err);
    assert_null(err);
    assert_true(json_object_equal(o, again));
    json_object_put(o);
    json_object_put(again);
}

static gboolean
is_refused(const char *text, gsize len)
{
    g_autoptr(GError) err = NULL;
    json_object *o;

    /* Some thousand times: without waiting for the disk. */
    assert_true(file_write_volatile(path, text, (gssize)len, 0600, NULL));
    o = json_file_read(path, &err);
    assert_true((o == NULL) == (err != NULL));
    json_object_put(o);
    return o == NULL;
}

/* A changed blank changes nothing: what is taken is what was written. */
static gboolean
says_the_same(json_object *o)
{
    json_object *again = json_file_read(path, NULL);
    gboolean same = json_object_equal(o, again);

    json_object_put(again);
    return same;
}

static void
a_damaged_file_is_refused(void **state)
{
    json_object *o = json_tokener_parse(FULL);
    g_autofree char *text = NULL;
    gsize len;

    assert_true(json_file_write(path, o, NULL));
    assert_true(g_file_get_contents(path, &text, &len, NULL));
    for (gsize n = 0; n < len; n++)
        assert_true(is_refused(text, n));
    for (gsize bit = 0; bit < len * 8; bit++) {
        text[bit / 8] ^= (char)(1 << bit % 8);
        if (!is_refused(text, len))
            assert_true(says_the_same(o));
        text[bit / 8] ^= (char)(1 << bit % 8);
    }
    json_object_put(o);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_go_there_and_back),
        cmocka_unit_test(what_is_not_there_is_not_written),
        cmocka_unit_test(what_is_wrong_is_told_by_name),
        cmocka_unit_test(what_is_there_already_is_kept),
        cmocka_unit_test_setup_teardown(a_file_is_read_as_it_was_written, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Method rows: flags refused in one place, rights asked for each, and a call that is replayed when
 * the authority answers later. The rows are the daemon's own; objects and handlers are the test's.
 */
#include "rpc_world.h"

static Object thing = { .name = (char *)"thing", .uuid = { 1 }, .refs = 1 };
static gboolean thing_is_there;
static guint n_found;
static guint n_run;

static gboolean
find_thing(gconstpointer name, Found *ret_found, GError **err)
{
    n_found++;
    if (!thing_is_there)
        return fail(err, ERR_NO_DOMAIN, "no thing");
    *ret_found = (Found){ object_ref(&thing), NULL };
    return TRUE;
}

static void
run_later(const Method *m, Call *c, const Found *found)
{
    assert_ptr_equal(found->object, &thing);
    assert_int_equal(thing.refs, 2);
    n_run++;
    answer_later(c);
}

static void
run_at_once(const Method *m, Call *c, const Found *found)
{
    GError *err = NULL;

    n_run++;
    fail(&err, ERR_NO_SUPPORT, "done");
    call_fail(c, err);
}

static const Subject subject_thing = { "thing", NULL, find_thing, run_later };

static int
set_up_thing(void **state)
{
    n_found = n_run = 0;
    thing_is_there = TRUE;
    thing.refs = 1;
    return set_up(state);
}

static int
tear_down_thing(void **state)
{
    access_set_authority(NULL, NULL);
    return tear_down(state);
}

/* Error code of the next reply; 0: it is none. */
static guint32
next_error(void)
{
    const guint8 *payload;
    WireHeader h;
    guint32 code;

    assert_true(next_message(&h, &payload));
    if (h.status != STATUS_ERROR)
        return 0;
    memcpy(&code, payload, sizeof(code));
    return GUINT32_FROM_BE(code);
}

enum { INVALID_ARG = 8, NO_SUPPORT = 3, NO_DOMAIN = 42, ACCESS_DENIED = 88 };

/* ---- the authority */

static AccessAnswer answer;
static Right denied;
static AccessToken last_asked;
static guint n_asked;

static AccessAnswer
say(const AccessQuestion *q, AccessToken token, gpointer user, GError **err)
{
    n_asked++;
    last_asked = token;
    if (denied != RIGHT_NONE)
        return q->right == denied ? ACCESS_NO : ACCESS_YES;
    return answer;
}

static void
ask_first(void)
{
    answer = ACCESS_ASK;
    denied = RIGHT_NONE;
    n_asked = 0;
    access_set_authority(say, NULL);
}

static void
serve_thing(void)
{
    static const Method row = {
        .number = PROC_DOMAIN_SUSPEND,
        .subject = &subject_thing,
        .needs = { { RIGHT_DOMAIN_SUSPEND }, { RIGHT_DOMAIN_WRITE } },
    };

    slot_set(&world.server->remote[PROC_DOMAIN_SUSPEND], PROGRAM_REMOTE, &row);
}

static void
call_thing(guint32 serial)
{
    static const DomainSuspendArgs in = { .dom = { .name = "thing" } };

    call(PROC_DOMAIN_SUSPEND, serial, &DomainSuspendArgs_type, &in);
}

static void
a_call_is_replayed_with_the_answer(void **state)
{
    serve_thing();
    ask_first();
    call_thing(1);
    expect_nothing();
    assert_int_equal(n_run, 0);
    assert_int_equal(n_found, 1);
    /* Others are answered meanwhile. */
    AccessToken first = last_asked;
    send_message(PROC_CONNECT_GET_LIB_VERSION, MSG_CALL, STATUS_OK, 2, "", 0);
    answer = ACCESS_YES;
    expect(MSG_REPLY, STATUS_OK, 2, 8);
    answer = ACCESS_ASK;
    access_answer(first, TRUE); /* now it asks for the second right */
    assert_int_equal(n_run, 0);
    access_answer(last_asked, TRUE);
    assert_int_equal(n_run, 1);
    assert_int_equal(n_found, 3);
    call_reply_none(pending[0]);
    expect(MSG_REPLY, STATUS_OK, 1, 0);
    assert_int_equal(thing.refs, 1);
}

static void
a_late_no_is_an_error(void **state)
{
    serve_thing();
    ask_first();
    call_thing(1);
    spin();
    access_answer(last_asked, FALSE);
    assert_int_equal(next_error(), ACCESS_DENIED);
    assert_int_equal(n_run, 0);
    assert_int_equal(thing.refs, 1);
}

static void
what_is_gone_meanwhile_is_not_found(void **state)
{
    serve_thing();
    ask_first();
    call_thing(1);
    spin();
    thing_is_there = FALSE;
    access_answer(last_asked, TRUE);
    assert_int_equal(next_error(), NO_DOMAIN);
    assert_int_equal(n_run, 0);
}

static void
who_leaves_while_asked_gets_nothing_done(void **state)
{
    serve_thing();
    ask_first();
    call_thing(1);
    spin();
    fd_close(&world.fd);
    spin();
    assert_int_equal(server_n_clients(world.server), 0);
    access_answer(last_asked, TRUE);
    assert_int_equal(n_run, 0);
    assert_int_equal(thing.refs, 1);
}

/* ---- all rows */

/* The row with a subject that is there; its handler only counts. */
static const Method *
borrow(guint32 program, const Slot *real)
{
    static Subject subject;
    static Method row;

    subject = *real->method->subject;
    subject.find = find_thing;
    subject.run = run_at_once;
    row = *real->method;
    row.subject = &subject;
    slot_set(program == PROGRAM_QEMU ? &world.server->qemu[row.number]
                                     : &world.server->remote[row.number],
             program, &row);
    return &row;
}

static void
call_with(guint32 program, const Procedure *p, gint32 number, gsize offset, guint32 word)
{
    g_autofree guint8 *args = g_malloc0(MAX(p->args->size, 1));
    WireHeader h = { .program = program, .version = 1, .procedure = number, .kind = MSG_CALL };
    WireBuf b = { 0 };

    if (word)
        memcpy(args + offset, &word, sizeof(word));
    wire_begin(&b, &h);
    assert_true(xdr_encode(&b, p->args, args, NULL));
    assert_true(wire_end(&b, NULL));
    assert_int_equal(send(world.fd, b.data, b.len, MSG_NOSIGNAL), b.len);
    wire_buf_done(&b);
}

/* Calls EACH for every row of both programs. */
static void
each_row(void (*each)(guint32 program, const Procedure *p, const Slot *slot))
{
    static const guint32 programs[] = { PROGRAM_REMOTE, PROGRAM_QEMU };

    for (gsize i = 0; i < G_N_ELEMENTS(programs); i++) {
        g_autofree Slot *slots = slots_load(programs[i], methods_of(programs[i]));
        for (gint32 n = 1; n <= procedure_max(programs[i]); n++)
            if (slots[n].method)
                each(programs[i], procedure_find(programs[i], n), &slots[n]);
    }
}

static void
refuses_unknown_flags(guint32 program, const Procedure *p, const Slot *slot)
{
    const Method *m = borrow(program, slot);

    for (guint bit = 0; slot->flags_offset >= 0 && bit < 32; bit++) {
        guint32 flag = 1u << bit;
        guint before = n_run;
        call_with(program, p, m->number, (gsize)slot->flags_offset, flag);
        guint32 code = next_error();
        if (code != (m->flags & flag ? NO_SUPPORT : INVALID_ARG))
            unit_fail("%s with flag %#x: error %u\n", p->name, flag, code);
        assert_int_equal(n_run - before, m->flags & flag ? 1 : 0);
    }
}

static void
every_row_refuses_the_flags_that_it_does_not_do(void **state)
{
    each_row(refuses_unknown_flags);
}

/* Arguments that make the row need that right. */
static void
call_needing(guint32 program, const Procedure *p, const Slot *slot, const Need *need)
{
    switch (need->when) {
    case NEED_ALWAYS:
    case NEED_TO_CHANGE: /* no flags: it depends on the state */
        call_with(program, p, slot->method->number, 0, 0);
        break;
    case NEED_TO_WRITE:
        call_with(program, p, slot->method->number, p->write_offset,
                  p->write_bits &
                      (slot->flags_offset == (gint32)p->write_offset ? slot->method->flags
                                                                     : p->write_bits));
        break;
    case NEED_IF_FLAGS:
        call_with(program, p, slot->method->number, (gsize)slot->flags_offset, need->flags);
        break;
    }
}

static void
denies_each_right(guint32 program, const Procedure *p, const Slot *slot)
{
    const Method *m = borrow(program, slot);

    for (gsize i = 0; i < NEEDS_MAX && m->needs[i].right != RIGHT_NONE; i++) {
        denied = m->needs[i].right;
        n_run = 0;
        call_needing(program, p, slot, &m->needs[i]);
        if (next_error() != ACCESS_DENIED || n_run > 0)
            unit_fail("%s was done without %s\n", p->name, right_word(denied));
    }
}

static void
every_row_asks_for_each_of_its_rights(void **state)
{
    ask_first();
    each_row(denies_each_right);
}

/* Whatever names an object is looked up by the dispatcher, and no handler. */
static void
names_its_subject(guint32 program, const Procedure *p, const Slot *slot)
{
    const Subject *s = slot->method->subject;

    for (guint32 i = 0; i < p->args->n_fields; i++) {
        const WireField *f = &p->args->fields[i];
        if (f->kind == W_REF &&
            (f->type == &DomainRef_type || f->type == &PoolRef_type || f->type == &VolumeRef_type))
            assert_ptr_not_equal(s, &subject_none);
    }
    if (p->flags & PROC_WRITE || p->write_bits)
        assert_true(slot->method->needs[0].right != RIGHT_NONE);
}

static void
every_row_names_its_subject(void **state)
{
    each_row(names_its_subject);
}

#define TEST_THING(f) cmocka_unit_test_setup_teardown(f, set_up_thing, tear_down_thing)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_THING(a_call_is_replayed_with_the_answer),
        TEST_THING(a_late_no_is_an_error),
        TEST_THING(what_is_gone_meanwhile_is_not_found),
        TEST_THING(who_leaves_while_asked_gets_nothing_done),
        TEST_THING(every_row_refuses_the_flags_that_it_does_not_do),
        TEST_THING(every_row_asks_for_each_of_its_rights),
        TEST_THING(every_row_names_its_subject),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

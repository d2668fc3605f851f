/* Changes of pools: each is a job of its pool and a table of rows. What touches the folder is the
 * errand of a worker, and the row waits for it.
 */
#include "backend.h"
#include "volume_priv.h"

PoolChange *
change_new(PoolDone done, gpointer user)
{
    PoolChange *c = g_new0(PoolChange, 1);

    c->done = done;
    c->user = user;
    return c;
}

static void
change_free(PoolChange *c)
{
    pool_def_free(c->def);
    scan_free(c->scan);
    g_clear_pointer(&c->levels, g_ptr_array_unref);
    g_free(c->who);
    g_free(c->said);
    g_free(c);
}

void
change_over(PoolChange *c, Pool *pool, const GError *err)
{
    if (c->done)
        c->done(pool, err, c->user);
    change_free(c);
}

void
change_submit(Pool *pool, JobKind kind, const char *what, const char *who, const FlowTable *table,
              FlowDone done, PoolChange *c)
{
    const JobSpec spec = { .kind = kind, .what = what, .owner = who, .user = c };

    object_run(pool, &spec, table, done);
}

void
pool_log_failure(Pool *pool, const GError *err, gpointer user)
{
    if (err)
        log_warning("storage pool '%s': %s", pool->obj.name, err->message);
}

/* ---- what may be done */

/* Types whose definitions are kept; those with a backend can be started. */
#define KEPT                                                                                       \
    (BIT(POOL_DIR) | BIT(POOL_FS) | BIT(POOL_NETFS) | BIT(POOL_LOGICAL) | BIT(POOL_DISK) |         \
     BIT(POOL_ISCSI) | BIT(POOL_SCSI) | BIT(POOL_MPATH))

static PoolDef *
read_new(const char *xml, gboolean validate, GError **err)
{
    g_autoptr(PoolDef) def = pool_parse(xml, -1, FALSE, validate, err);

    if (def && !(KEPT & BIT(def->type))) {
        fail(err, ERR_INTERNAL, "missing backend for pool type %d (%s)", def->type - 1,
             pool_types[def->type]);
        return NULL;
    }
    return g_steal_pointer(&def);
}

/* Whether a type of pool is supported; others are refused by name. */
gboolean
pool_can(const PoolDef *def, const char *what, GError **err)
{
    if (!backend_of(def->type))
        return fail(err, ERR_NO_SUPPORT,
                    "storage pool '%s': type '%s' cannot be %s yet, 'dir', 'fs', 'netfs', "
                    "'logical' and 'disk' can",
                    def->name, pool_types[def->type], what);
    if (def->cow)
        return fail(err, ERR_NO_SUPPORT, "storage pool '%s': 'cow' cannot be set yet", def->name);
    if (def->refresh)
        return fail(err, ERR_NO_SUPPORT,
                    "storage pool '%s': 'allocation' of 'refresh' is not supported yet", def->name);
    return TRUE;
}

gboolean
pool_needs_inactive(const Pool *pool, const char *how, GError **err)
{
    return !pool->live ||
           fail(err, ERR_OPERATION_INVALID, "storage pool '%s' is %s active", pool->obj.name, how);
}

gboolean
pool_needs_def(const Pool *pool, GError **err)
{
    if (pool->def)
        return TRUE;
    if (pool->broken)
        return fail(err, ERR_OPERATION_FAILED, POOL_BROKEN, pool->obj.name, pool->broken);
    return fail(err, ERR_OPERATION_INVALID, "storage pool '%s' is transient", pool->obj.name);
}

/* ---- define, undefine, autostart */

/* Notes the file's present text, which the undo puts back; without a word there was no file. */
static gboolean
note_definition(Flow *f, const Pool *pool, GError **err)
{
    FileStamp stamp;
    gsize len;
    g_autofree char *text = store_stamp(pool_store, pool->obj.name, &stamp)
                                ? store_text(pool_store, pool->obj.name, &len, NULL, NULL)
                                : NULL;

    return flow_note(f, NULL, WORDS(text, text && pool->autostart ? "marked" : NULL), err);
}

static void
put_back(Pool *pool, const char *text, gboolean marked)
{
    g_autoptr(GError) err = NULL;
    const char *name = pool->obj.name;

    if (!(text ? store_put(pool_store, name, text, &err) : store_remove(pool_store, name, &err)) ||
        (marked && !store_set_autostart(pool_store, name, AUTOSTART_ALWAYS, TRUE, &err)))
        log_warning("storage pool '%s': %s", name, err->message);
    g_clear_pointer(&pool->def, pool_def_free);
    if (text)
        pool->def = pool_parse(text, -1, FALSE, FALSE, NULL);
}

static StepResult
definition_back(Flow *f, gpointer obj)
{
    put_back(obj, flow_word(f, 0), flow_word(f, 1) != NULL);
    return STEP_DONE;
}

static void
define_taken(gpointer user)
{
    PoolChange *c = user;
    Pool *pool = c->pool;

    if (!c->def)
        return;
    pool_def_free(pool->def);
    pool->def = g_steal_pointer(&c->def);
    g_clear_pointer(&pool->broken, g_free);
}

static StepResult
define_write(Flow *f, gpointer obj, GError **err)
{
    Pool *pool = obj;
    PoolChange *c = flow_user(f);
    g_autofree char *xml = pool_format(c->def, FALSE);

    if (!pool->broken && !note_definition(f, pool, err))
        return STEP_FAILED;
    c->pool = pool;
    if (c->is_new) /* it is there from now on, and cannot be without a definition */
        define_taken(c);
    return store_write_row(f, pool_store, pool->obj.name, xml, NULL, define_taken, c);
}

static const Step define_steps[] = {
    { "write definition", define_write, definition_back, STEP_KEYED },
    { 0 },
};
static const FlowTable define_table = { "pool-define", define_steps, .for_good = TRUE };

static void
on_defined(gpointer o, const GError *err, gpointer user)
{
    Pool *pool = o;
    PoolChange *c = user;

    if (!err)
        pool_tell(pool, TOLD_DEFINED);
    else if (c->is_new)
        pool_remove(pool);
    change_over(c, err ? NULL : pool, err);
}

/* The pool of that name and UUID, there or made; what cannot be read makes room for it. */
static Pool *
pool_for(const PoolDef *def, gboolean *ret_new, GError **err)
{
    Pool *named = pool_get_name(def->name, NULL), *pool;

    if (!store_name_check(&pool_store_kind, def->name, err) || !pool_may_have(def, &pool, err))
        return NULL;
    *ret_new = pool == NULL;
    if (pool)
        return pool;
    if (named)
        pool_remove(named);
    return pool_add(def->name, def->uuid);
}

void
pool_define(const char *xml, gboolean validate, const char *who, PoolDone done, gpointer user)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(PoolDef) def = read_new(xml, validate, &err);
    gboolean is_new;
    Pool *pool = def ? pool_for(def, &is_new, &err) : NULL;
    PoolChange *c;

    if (!pool) {
        done(NULL, err, user);
        return;
    }
    c = change_new(done, user);
    c->is_new = is_new;
    c->def = g_steal_pointer(&def);
    change_submit(pool, JOB_CHANGE, "define", who, &define_table, on_defined, c);
}

static StepResult
undefine_check(Flow *f, gpointer obj, GError **err)
{
    return step_of(pool_needs_inactive(obj, "still", err));
}

static StepResult
undefine_remove(Flow *f, gpointer obj, GError **err)
{
    Pool *pool = obj;

    if ((!pool->broken && !note_definition(f, pool, err)) ||
        !store_remove(pool_store, pool->obj.name, err))
        return STEP_FAILED;
    return store_settle_row(f, pool_store);
}

static const Step undefine_steps[] = {
    { "may be undefined", undefine_check, NULL },
    { "remove definition", undefine_remove, definition_back, STEP_KEYED },
    { 0 },
};
static const FlowTable undefine_table = { "pool-undefine", undefine_steps, .for_good = TRUE };

static void
on_undefined(gpointer o, const GError *err, gpointer user)
{
    Pool *pool = o;

    if (!err) {
        pool_tell(pool, TOLD_UNDEFINED);
        pool_remove(pool);
    }
    change_over(user, pool, err);
}

void
pool_undefine(Pool *pool, const char *who, PoolDone done, gpointer user)
{
    change_submit(pool, JOB_CHANGE, "undefine", who, &undefine_table, on_undefined,
                  change_new(done, user));
}

static StepResult
autostart_mark(Flow *f, gpointer obj, GError **err)
{
    Pool *pool = obj;
    const PoolChange *c = flow_user(f);

    if (!pool_needs_def(pool, err) ||
        !flow_note(f, NULL, WORDS(pool->autostart ? "on" : "off"), err) ||
        !store_set_autostart(pool_store, pool->obj.name, AUTOSTART_ALWAYS, c->on, err))
        return STEP_FAILED;
    pool->autostart = c->on;
    return store_settle_row(f, pool_store);
}

static StepResult
autostart_back(Flow *f, gpointer obj)
{
    Pool *pool = obj;
    gboolean on = g_strcmp0(flow_word(f, 0), "on") == 0;
    g_autoptr(GError) err = NULL;

    if (store_set_autostart(pool_store, pool->obj.name, AUTOSTART_ALWAYS, on, &err))
        pool->autostart = on;
    else
        log_warning("storage pool '%s': %s", pool->obj.name, err->message);
    return STEP_DONE;
}

static const Step autostart_steps[] = {
    { "mark", autostart_mark, autostart_back, STEP_KEYED },
    { 0 },
};
static const FlowTable autostart_table = { "pool-autostart", autostart_steps, .for_good = TRUE };

void
change_done(gpointer o, const GError *err, gpointer user)
{
    change_over(user, o, err);
}

void
pool_set_autostart(Pool *pool, gboolean on, const char *who, PoolDone done, gpointer user)
{
    PoolChange *c = change_new(done, user);

    c->on = on;
    change_submit(pool, JOB_CHANGE, "autostart", who, &autostart_table, change_done, c);
}

/* ---- start */

static StepResult
start_check(Flow *f, gpointer obj, GError **err)
{
    Pool *pool = obj;
    const PoolChange *c = flow_user(f);
    const PoolDef *def = c->def ? c->def : pool->def;
    const PoolBackend *b;

    if (!c->quiet && !pool_needs_inactive(pool, "already", err))
        return STEP_FAILED;
    if ((!def && !pool_needs_def(pool, err)) || !pool_can(def, "started", err))
        return STEP_FAILED;
    b = backend_of(def->type);
    if (b->check && !b->check(def, err))
        return STEP_FAILED;
    pool_def_free(pool->next);
    pool->next = pool_copy(def);
    return STEP_DONE;
}

static void
on_start_looked(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    if (wanted)
        ((PoolChange *)user)->scan = out;
    else
        scan_free(out);
}

static void
on_swept(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
}

static StepResult
start_sweep(Flow *f, gpointer obj, GError **err)
{
    Pool *pool = obj;
    ErrandSpec spec = { .work = sweep_folder, .back = on_swept };

    if (!backend_of(pool->next->type)->scan) /* it has no folder */
        return STEP_DONE;
    spec.token = flow_wait(f);
    spec.in = pool_copy(pool->next);
    errand_send(pool, &spec);
    return STEP_WAIT;
}

static StepResult
start_ask(Flow *f, gpointer obj, GError **err)
{
    Pool *pool = obj;

    return survey_ask(f, pool, pool->next, err);
}

static StepResult
start_look(Flow *f, gpointer obj, GError **err)
{
    Pool *pool = obj;
    ErrandSpec spec = { .back = on_start_looked, .token = flow_wait(f), .user = flow_user(f) };

    survey_look(pool, pool->next, flow_user(f), &spec);
    return STEP_WAIT;
}

static StepResult
start_enter(Flow *f, gpointer obj, GError **err)
{
    Pool *pool = obj;
    PoolChange *c = flow_user(f);
    g_autofree char *path = pool_live_path(pool), *xml = pool_format(c->scan->def, TRUE);

    if (!file_write_volatile(path, xml, -1, 0600, err))
        return STEP_FAILED;
    pool_take(pool, g_steal_pointer(&c->scan->def), g_steal_pointer(&c->scan->volumes));
    pool->seen = c->scan->seen;
    pool->run++;
    return STEP_DONE;
}

static StepResult
start_leave(Flow *f, gpointer obj)
{
    Pool *pool = obj;
    g_autofree char *path = pool_live_path(pool);
    g_autoptr(GError) err = NULL;

    if (!file_remove(path, &err))
        log_warning("storage pool '%s': %s", pool->obj.name, err->message);
    watch_end(pool);
    pool_leave(pool);
    pool->run++;
    return STEP_DONE;
}

static const Step start_steps[] = {
    { "may be started", start_check, NULL },
    { "look at source", attach_look, NULL },
    { "plan source", attach_plan, attach_undo, STEP_KEYED },
    { "attach source", attach_run, attach_stop },
    { "sweep folder", start_sweep, NULL },
    { "ask program", start_ask, attach_stop },
    { "look at folder", start_look, NULL },
    { "enter", start_enter, start_leave },
    { 0 },
};
const FlowTable pool_start_table = { "pool-start", start_steps };

static void
on_started(gpointer o, const GError *err, gpointer user)
{
    Pool *pool = o;
    PoolChange *c = user;

    g_clear_pointer(&pool->next, pool_def_free);
    if (!err)
        watch_begin(pool);
    if (!err && !c->quiet)
        pool_tell(pool, TOLD_STARTED);
    if (err && c->is_new)
        pool_remove(pool);
    change_over(c, err && c->is_new ? NULL : pool, err);
}

static void
start(Pool *pool, const char *what, const char *who, PoolChange *c)
{
    change_submit(pool, JOB_START, what, who, &pool_start_table, on_started, c);
}

/* The change goes on as a start. */
static void
on_built_first(gpointer o, const GError *err, gpointer user)
{
    Pool *pool = o;
    PoolChange *c = user;

    if (err) {
        on_started(pool, err, c);
        return;
    }
    pool_tell(pool, TOLD_CREATED);
    start(pool, "start", c->who, c);
}

static void
start_or_build(Pool *pool, const char *what, guint32 flags, const char *who, PoolChange *c)
{
    if (!(flags & CREATE_BUILDS)) {
        start(pool, what, who, c);
        return;
    }
    c->flags = (flags & CREATE_OVERWRITE ? BUILD_OVERWRITE : 0) |
               (flags & CREATE_NO_OVERWRITE ? BUILD_NO_OVERWRITE : 0);
    c->who = g_strdup(who);
    change_submit(pool, JOB_CHANGE, "build", who, &pool_build_table, on_built_first, c);
}

void
pool_start_with(Pool *pool, guint32 flags, const char *who, PoolDone done, gpointer user)
{
    start_or_build(pool, "start", flags, who, change_new(done, user));
}

void
pool_start(Pool *pool, const char *who, PoolDone done, gpointer user)
{
    start(pool, "start", who, change_new(done, user));
}

void
pool_create(const char *xml, guint32 flags, const char *who, PoolDone done, gpointer user)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(PoolDef) def = read_new(xml, (flags & CREATE_VALIDATE) != 0, &err);
    Pool *named = def ? pool_get_name(def->name, NULL) : NULL, *pool = NULL;
    gboolean is_new;
    PoolChange *c;

    /* Its file would come back with the next daemon. */
    if (def && (!named || !named->broken || pool_needs_def(named, &err)))
        pool = pool_for(def, &is_new, &err);
    if (!pool) {
        done(NULL, err, user);
        return;
    }
    c = change_new(done, user);
    c->is_new = is_new;
    c->def = g_steal_pointer(&def);
    start_or_build(pool, "create", flags, who, c);
}

/* ---- stop: the whole ledger upwards */

static void
on_stopped(gpointer o, const GError *err, gpointer user)
{
    Pool *pool = o;
    PoolChange *c = user;
    gboolean gone = !err && !pool->def && !pool->broken;

    pool->stops--;
    if (!err && c->was_live)
        pool_tell(pool, TOLD_STOPPED);
    if (gone && c->was_live)
        pool_remove(pool);
    change_over(c, pool, err);
}

static void
stop(Pool *pool, const char *what, const char *who, PoolChange *c)
{
    const JobSpec spec = { .kind = JOB_STOP, .what = what, .owner = who, .user = c };

    c->was_live = pool->live != NULL;
    pool->stops++;
    object_unwind(pool, &spec, on_stopped);
}

static gboolean
is_starting(const Pool *pool)
{
    const Job *running = job_running(pool->obj.jobs);

    return running && job_kind(running) == JOB_START;
}

/* What is being written would be out of reach. */
static gboolean
has_no_tasks(const Pool *pool, GError **err)
{
    Task *t = task_holding(&pool->obj);
    TaskInfo info;

    if (!t)
        return TRUE;
    task_info(t, &info);
    return fail(err, ERR_INTERNAL,
                "pool '%s' has asynchronous jobs running: task '%s' of volume '%s'; wait for it, "
                "or abort it",
                pool->obj.name, ((const Object *)t)->name, info.thing);
}

void
pool_stop(Pool *pool, const char *who, PoolDone done, gpointer user)
{
    g_autoptr(GError) err = NULL;

    if ((!is_starting(pool) && !pool_needs_active(pool, &err)) || !has_no_tasks(pool, &err) ||
        !attach_may_end(pool, &err))
        done(pool, err, user);
    else
        stop(pool, "stop", who, change_new(done, user));
}

/* ---- refresh */

static StepResult
refresh_check(Flow *f, gpointer obj, GError **err)
{
    return step_of(pool_needs_active(obj, err));
}

/* Late or not: of the run that it was sent in, it is the newest that is known. */
static void
on_refresh_looked(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    PoolScan *scan = out;

    pool_look_ends(pool, scan);
    if (scan && pool->live && pool->run == GPOINTER_TO_UINT(user)) {
        pool_take(pool, g_steal_pointer(&scan->def), g_steal_pointer(&scan->volumes));
        pool->seen = scan->seen;
        watch_begin(pool);
        pool_tell_refreshed(pool);
    }
    scan_free(scan);
}

/* What is changed from here on the program may not have seen. */
static StepResult
refresh_ask(Flow *f, gpointer obj, GError **err)
{
    Pool *pool = obj;
    PoolChange *c = flow_user(f);

    pool_look_begins(pool);
    c->looks = TRUE;
    return survey_ask(f, pool, pool->live, err);
}

static StepResult
refresh_look(Flow *f, gpointer obj, GError **err)
{
    Pool *pool = obj;
    PoolChange *c = flow_user(f);
    ErrandSpec spec = {
        .back = on_refresh_looked,
        .token = flow_wait(f),
        .user = GUINT_TO_POINTER(pool->run),
    };

    c->looks = FALSE;
    survey_look(pool, pool->live, c, &spec);
    return STEP_WAIT;
}

static const Step refresh_steps[] = {
    { "is active", refresh_check, NULL },
    { "ask program", refresh_ask, attach_stop },
    { "look at folder", refresh_look, NULL },
    { 0 },
};
static const FlowTable refresh_table = { "pool-refresh", refresh_steps, .for_good = TRUE };

static void
on_refreshed(gpointer o, const GError *err, gpointer user)
{
    PoolChange *c = user;

    if (c->looks)
        pool_look_ends(o, NULL);
    change_over(c, o, err);
}

void
pool_refresh(Pool *pool, const char *who, PoolDone done, gpointer user)
{
    change_submit(pool, JOB_CHANGE, "refresh", who, &refresh_table, on_refreshed,
                  change_new(done, user));
}

/* ---- the daemon comes */

/* A pool that was active and cannot be looked at any more becomes inactive, unless its folder just
 * does not answer. */
static void
on_resumed(Pool *pool, const GError *err, gpointer user)
{
    if (!err || error_is(err, ERR_TIMEOUT) || error_is(err, ERR_ABORTED))
        return;
    log_warning("storage pool '%s' is not active any more: %s", pool->obj.name, err->message);
    stop(pool, "stop", NULL, change_new(NULL, NULL));
}

/* Of a change of its volumes that an earlier daemon died in: before anybody looks at the folder. */
static void
recover_halves(Pool *pool)
{
    const JobSpec spec = { .kind = JOB_CHANGE, .what = "recover" };

    if (ledger_loose(object_ledger(pool), NULL))
        object_recover(pool, &spec, NULL);
}

void
pool_resume(Pool *pool, PoolDef *live)
{
    PoolChange *c;

    pool_take(pool, live, volumes_new(g_ptr_array_new_with_free_func((GDestroyNotify)volume_free)));
    pool->run++;
    if (ledger_committed(object_ledger(pool), &pool_start_table)) {
        recover_halves(pool);
        pool_refresh(pool, NULL, on_resumed, NULL);
        return;
    }
    c = change_new(on_resumed, NULL);
    c->quiet = TRUE;
    c->def = pool_copy(live);
    change_submit(pool, JOB_START, "start", NULL, &pool_start_table, on_started, c);
}

static void
on_settled(gpointer o, const GError *err, gpointer user)
{
    Pool *pool = o;

    if (!pool->def && !pool->broken)
        pool_remove(pool);
}

void
pool_settle(Pool *pool)
{
    const JobSpec spec = { .kind = JOB_STOP, .what = "recover" };

    object_unwind(pool, &spec, on_settled);
}

void
storage_register(void)
{
    static const FlowTable *const tables[] = {
        &define_table,        &undefine_table,      &autostart_table,   &pool_start_table,
        &refresh_table,       &pool_build_table,    &pool_delete_table, &volume_create_table,
        &volume_delete_table, &volume_resize_table, &volume_wipe_table, &lv_create_table,
        &lv_delete_table,     &lv_resize_table,     &part_create_table, &part_delete_table,
    };

    for (gsize i = 0; i < G_N_ELEMENTS(tables); i++)
        flow_register(tables[i]);
}

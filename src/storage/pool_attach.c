/* Mounting and unmounting the source of a pool: rows of its start, whose undo is part of its stop,
 * and the programs that they run. A pool that is just a folder needs none of this. */
#include "backend.h"

#include <signal.h>
#include <string.h>

static const PoolBackend *const backends[] = { &backend_dir, &backend_fs, &backend_netfs,
                                               &backend_logical, &backend_disk };

static const VolumeKinds file_volumes = { &create_kind, &clone_kind, &delete_kind, &resize_kind };

const PoolBackend backend_dir = { .type = POOL_DIR, .scan = scan_folder, .is_watched = TRUE };

/* Those of a pool that is not active refuse by themselves. */
const VolumeKinds *
volume_kinds(const Pool *pool)
{
    const PoolBackend *b = pool->live ? backend_of(pool->live->type) : NULL;

    return b && b->volumes ? b->volumes : &file_volumes;
}

const PoolBackend *
backend_of(int type)
{
    for (gsize i = 0; i < G_N_ELEMENTS(backends); i++)
        if (backends[i]->type == type)
            return backends[i];
    return NULL;
}

/* ---- programs */

struct PoolProgram {
    Pool *pool;
    Process *process;
    char *name;
    ProgramFine fine;
    char **said; /* NULL: nobody wants to know */
    FlowToken token;
};

static gboolean
ended_well(const ProcessEnd *end, const char *pool, GError **err)
{
    g_autofree char *why = process_status_text(end->status);

    return !why ||
           fail(err, ERR_INTERNAL, "storage pool '%s': the program %s: %s", pool, why, end->errors);
}

static void
on_ended(Process *process, const ProcessEnd *end, gpointer user)
{
    PoolProgram *p = user;
    Pool *pool = p->pool;
    g_autoptr(GError) err = NULL;

    if (!p->fine(end, pool->obj.name, &err))
        g_prefix_error(&err, "%s: ", p->name);
    else if (p->said && flow_waits(p->token))
        *p->said = g_strndup(end->out, end->out_len);
    pool->program = NULL;
    process_free(process);
    flow_wake(p->token, err);
    g_free(p->name);
    g_free(p);
    object_unref(pool);
}

static StepResult
run(Flow *f, Pool *pool, GPtrArray *argv, const char *input, ProgramFine fine, char **said,
    GError **err)
{
    ProcessSpec spec = PROCESS_SPEC_INIT;
    PoolProgram *p = g_new0(PoolProgram, 1);

    g_ptr_array_add(argv, NULL);
    spec.argv = (const char *const *)argv->pdata;
    spec.out_max = said ? REPORT_MAX : 0;
    spec.input = input;
    *p = (PoolProgram){ .pool = object_ref(pool),
                        .name = g_strdup(argv->pdata[0]),
                        .fine = fine ? fine : ended_well,
                        .said = said };
    p->process = process_spawn(&spec, on_ended, p, err);
    g_ptr_array_unref(argv);
    if (!p->process) {
        object_unref(pool);
        g_free(p->name);
        g_free(p);
        return STEP_FAILED;
    }
    pool->program = p;
    p->token = flow_wait(f);
    return STEP_WAIT;
}

StepResult
program_run(Flow *f, Pool *pool, GPtrArray *argv, ProgramFine fine, GError **err)
{
    return run(f, pool, argv, NULL, fine, NULL, err);
}

StepResult
program_feed(Flow *f, Pool *pool, GPtrArray *argv, char *input, GError **err)
{
    StepResult result = run(f, pool, argv, input, NULL, NULL, err);

    g_free(input);
    return result;
}

StepResult
program_ask(Flow *f, Pool *pool, GPtrArray *argv, char **ret_said, GError **err)
{
    g_clear_pointer(ret_said, g_free);
    return run(f, pool, argv, NULL, NULL, ret_said, err);
}

typedef struct UndoProgram {
    char *words;
    Pool *look; /* referenced, or NULL */
    FlowToken token;
} UndoProgram;

static void
undo_over(UndoProgram *p)
{
    if (p->look && p->look->live)
        pool_refresh(p->look, NULL, pool_log_failure, NULL);
    flow_wake(p->token, NULL);
    object_unref(p->look);
    g_free(p->words);
    g_free(p);
}

static void
on_undo_ended(Process *process, const ProcessEnd *end, gpointer user)
{
    UndoProgram *p = user;
    g_autofree char *why = process_status_text(end->status);

    if (why)
        log_warning("'%s': the program %s: %s", p->words, why, end->errors);
    process_free(process);
    undo_over(p);
}

StepResult
program_undo(Flow *f, GPtrArray *argv, Pool *look)
{
    ProcessSpec spec = PROCESS_SPEC_INIT;
    UndoProgram *p = g_new0(UndoProgram, 1);
    g_autoptr(GError) err = NULL;

    g_ptr_array_add(argv, NULL);
    spec.argv = (const char *const *)argv->pdata;
    p->words = g_strjoinv(" ", (char **)argv->pdata);
    p->look = look ? object_ref(look) : NULL;
    p->token = flow_wait(f);
    if (!process_spawn(&spec, on_undo_ended, p, &err)) {
        log_warning("%s", err->message);
        undo_over(p);
    }
    g_ptr_array_unref(argv);
    return STEP_WAIT;
}

/* A program of an earlier daemon has ended with that daemon. */
StepResult
attach_stop(Flow *f, gpointer obj)
{
    PoolProgram *p = ((Pool *)obj)->program;

    if (!p)
        return STEP_DONE;
    process_signal(p->process, SIGKILL, NULL);
    p->token = flow_wait(f);
    return STEP_WAIT;
}

/* ---- rows of the start */

static void
on_seen(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    if (wanted && out)
        ((PoolChange *)user)->attached = TRUE;
    pool_def_free(out);
}

StepResult
attach_look(Flow *f, gpointer obj, GError **err)
{
    Pool *pool = obj;
    const PoolBackend *b = backend_of(pool->next->type);
    ErrandSpec spec = { .work = b->look, .back = on_seen, .user = flow_user(f) };

    if (!b->look)
        return STEP_DONE;
    spec.in = pool_copy(pool->next);
    spec.token = flow_wait(f);
    errand_send(pool, &spec);
    return STEP_WAIT;
}

/* A mount that exists already stays when the pool stops. The definition is noted in the ledger,
 * because the pool's may be another one by then. */
StepResult
attach_plan(Flow *f, gpointer obj, GError **err)
{
    const Pool *pool = obj;
    const PoolChange *c = flow_user(f);
    g_autofree char *xml = NULL;

    if (!backend_of(pool->next->type)->attach || c->attached)
        return STEP_DONE;
    xml = pool_format(pool->next, FALSE);
    return step_of(flow_note(f, "source", WORDS(xml), err));
}

static void
on_detached(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    pool_def_free(out);
}

StepResult
attach_undo(Flow *f, gpointer obj)
{
    const char *xml = flow_word(f, 0);
    PoolDef *def = xml ? pool_parse(xml, -1, FALSE, FALSE, NULL) : NULL;
    const PoolBackend *b = def ? backend_of(def->type) : NULL;
    ErrandSpec spec = { .back = on_detached };

    if (b && b->let_go) {
        GPtrArray *argv = b->let_go(def);

        pool_def_free(def);
        return program_undo(f, argv, NULL);
    }
    if (!b || !b->detach) {
        pool_def_free(def);
        return STEP_DONE;
    }
    spec.work = b->detach;
    spec.in = def;
    spec.token = flow_wait(f);
    errand_send(obj, &spec);
    return STEP_WAIT;
}

StepResult
attach_run(Flow *f, gpointer obj, GError **err)
{
    Pool *pool = obj;
    const PoolChange *c = flow_user(f);
    const PoolBackend *b = backend_of(pool->next->type);

    return b->attach && !c->attached ? program_run(f, pool, b->attach(pool->next), NULL, err)
                                     : STEP_DONE;
}

gboolean
attach_is_unused(const PoolDef *def, const char *what, GError **err)
{
    g_autofree char *folder = g_strconcat(def->path, "/", NULL);
    g_autoptr(GPtrArray) claims = claims_list((Owner){ 0 });

    EACH (const Claim, claim, claims) {
        g_autofree char *holder = NULL;

        if (claim->kind != CLAIM_IMAGE || !claim->label || !g_str_has_prefix(claim->label, folder))
            continue;
        holder = owner_text(claim->owner);
        return fail(err, ERR_OPERATION_INVALID,
                    "storage pool '%s' cannot be %s: '%s' is in use by %s", def->name, what,
                    claim->label, holder);
    }
    return TRUE;
}

gboolean
attach_may_end(const Pool *pool, GError **err)
{
    const PoolBackend *b = pool->live ? backend_of(pool->live->type) : NULL;

    return !b || (!b->detach && !b->let_go) || attach_is_unused(pool->live, "stopped", err);
}

/* ---- what is in it */

void
survey_free(PoolSurvey *s)
{
    if (!s)
        return;
    pool_def_free(s->def);
    g_free(s->said);
    g_free(s);
}

StepResult
survey_ask(Flow *f, Pool *pool, const PoolDef *def, GError **err)
{
    const PoolBackend *b = backend_of(def->type);
    PoolChange *c = flow_user(f);

    return b->survey ? program_ask(f, pool, b->survey(def), &c->said, err) : STEP_DONE;
}

void
survey_look(Pool *pool, const PoolDef *def, PoolChange *c, ErrandSpec *spec)
{
    const PoolBackend *b = backend_of(def->type);
    PoolSurvey *s;

    if (b->read) {
        s = g_new(PoolSurvey, 1);
        *s = (PoolSurvey){ pool_copy(def), g_steal_pointer(&c->said) };
        spec->work = b->read;
        spec->in = s;
    } else {
        spec->work = b->scan;
        spec->in = pool_copy(def);
    }
    errand_send(pool, spec);
}

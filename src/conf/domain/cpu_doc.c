/* A <cpu> that is a document of its own: either a host's CPU from its capabilities, which names an
 * architecture and lists features, or a CPU that a guest wants, as in a domain. */
#include "check/check.h"
#include "conf/conf.h"

#define UNSUPPORTED F_ERR(ERR_CONFIG_UNSUPPORTED)

static const Field page_fields[] = {
    ROW(CpuPages, "@unit", F_STRING, unit, 0, NULL, "Unit of the page size; without it KiB."),
    ROW(CpuPages, "@size", F_U64, size, 0, NULL, "Size of one kind of page of the host, in @unit."),
    ROW_END
};
static const Schema page_schema = { "pages", sizeof(CpuPages), page_fields };

static const Field cpu_doc_fields[] = {
    ROW(CpuDoc, "", F_STRUCT, cpu, 0, &cpu_schema, NULL),
    ROW(CpuDoc, "arch", F_STRING, arch, 0, NULL,
        "Architecture of the host; only the CPU of a host has it."),
    ROW(CpuDoc, "microcode/@version", F_U32, microcode, UNSUPPORTED, NULL,
        "Version of the host processor's microcode."),
    ROW_IGNORED("signature"),
    ROW_IGNORED("counter"),
    ROW(CpuDoc, "pages", F_LIST, pages, 0, &page_schema, "Sizes of pages that the host offers."),
    ROW_END
};
static const Schema cpu_doc_schema = { "cpu", sizeof(CpuDoc), cpu_doc_fields };

static gboolean
check_guest(const CpuDef *cpu, GError **err)
{
    gboolean custom = !cpu->mode || cpu->mode == CPU_CUSTOM;

    if (custom && !cpu->model && cpu->features)
        return fail(err, ERR_XML, "cpu: it has features but no <model>");
    return cpu_vendor_id_check(cpu, err) && cpu_features_check(cpu, err);
}

static gboolean
check_host(const CpuDoc *doc, gboolean wanted, GError **err)
{
    if (!wanted && doc->cpu.match)
        return fail(err, ERR_XML, "cpu: a host's, with an <arch>, has no 'match'");
    if (doc->cpu.mode)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "cpu: only a guest's has a 'mode'");
    if (!doc->arch)
        return fail(err, ERR_XML, "cpu: a host's has an <arch>");
    if (!arch_is_known(doc->arch))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "cpu: there is no architecture '%s'", doc->arch);
    if (!doc->cpu.model || !*doc->cpu.model)
        return fail(err, ERR_XML, "cpu: a host's has a <model>");
    return cpu_features_check(&doc->cpu, err);
}

/* A host's features have no policies. */
static gboolean
settle_features(CpuDef *cpu, gboolean validate, GError **err)
{
    EACH (CpuFeature, f, cpu->features) {
        if (f->policy && validate)
            return fail(err, ERR_XML_SCHEMA, "cpu: feature '%s' of a host has no 'policy'",
                        f->name);
        f->policy = POLICY_REQUIRE;
    }
    return TRUE;
}

CpuDoc *
cpu_doc_parse(const char *xml, guint flags, GError **err)
{
    gboolean validate = (flags & CPU_DOC_VALIDATE) != 0, host = (flags & CPU_DOC_HOST) != 0;
    g_autofree char *root = xml_root_name(xml, -1, err);
    g_autoptr(CpuDoc) doc = NULL;

    if (!root)
        return NULL;
    if (strcmp(root, cpu_doc_schema.name) != 0) {
        fail(err, ERR_XML, "XML does not contain expected 'cpu' element");
        return NULL;
    }
    doc = xml_parse(&cpu_doc_schema, NULL, xml, -1, validate ? XML_VALIDATE : 0, err);
    if (!doc)
        return NULL;
    if (!doc->arch && !host)
        return check_guest(&doc->cpu, err) ? g_steal_pointer(&doc) : NULL;
    if (!check_host(doc, host, err) || !settle_features(&doc->cpu, validate, err))
        return NULL;
    return g_steal_pointer(&doc);
}

void
cpu_doc_free(CpuDoc *doc)
{
    schema_free(&cpu_doc_schema, doc);
}

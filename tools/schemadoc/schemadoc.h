/* What the two writers of schemadoc share: the rows of a schema with all that is spliced into them,
 * and the schemas in the order in which a document comes upon them. */
#pragma once

#include "base/base.h"

typedef struct SchemaRow {
    const Field *field;
    char *where;   /* "@type is file, block": when the row is there; NULL: always */
    gboolean sure; /* neither conditional nor of a struct that may be absent */
} SchemaRow;

typedef struct PageSection {
    const Schema *schema;
    char *id;         /* unique among the sections: "disk", "driver-2" */
    GPtrArray *paths; /* of char *: where it stands; the first one heads its section */
    GPtrArray *rows;  /* of SchemaRow */
} PageSection;

/* The root and all schemas below it. */
GPtrArray *sections_make(const Schema *root);
const PageSection *section_find(const GPtrArray *sections, const Schema *schema);
/* Whether the field's elements have a schema of their own, and no path of its own to splice at. */
gboolean holds_schema(const Field *f);

void reference_write(const GPtrArray *sections, GString *out);
void rng_write(const GPtrArray *sections, GString *out);

/*
 * tests/fuzz/fuzz_conf.c - a configuration file of any bytes
 *
 * Includes are not followed.  Either there is a configuration and no mistake,
 * or a mistake and no configuration, and every message is one line.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_report report = { NULL, 0, 0 };
	struct conf *c = conf_parse("fuzz.conf", (struct str){ (const char *)data, size }, &report);

	assert((c == NULL) == (report.mistakes > 0));
	for (size_t i = 0; i < report.n; i++) {
		assert(strncmp(report.v[i].text, "fuzz.conf:", 10) == 0);
		assert(strpbrk(report.v[i].text, "\r\n\033") == NULL);
	}
	if (c != NULL)
		assert(c->n_origins > 0 && c->n_providers == 1 && c->session.n_secrets > 0 &&
		       c->providers[0].callback_path != NULL);
	conf_free(&c);
	conf_report_free(&report);
	return 0;
}

/* conf/markup.c - see conf/markup.h */
#include <string.h>

#include "conf/markup.h"
#include "conf/str.h"

static enum markup_event in_text(struct markup *, char);
static enum markup_event in_declaration(struct markup *, char);
static enum markup_event in_tag(struct markup *, char);
static enum markup_event in_name(struct markup *, char);
static enum markup_event in_value(struct markup *, char);
static enum markup_event in_raw(struct markup *, char);
static enum markup_event begin(struct markup *, enum markup_state, char);
static enum markup_event tag_ends(struct markup *);
static enum markup_event value_begins(struct markup *, enum markup_state);
static void add(char *, char);
static bool is_raw(const char *);
static bool is_space(char);
static char lower(char);

enum markup_event
markup_take(struct markup *m, char c)
{
	switch (m->state) {
	case MARKUP_IN_TEXT:
	case MARKUP_AT_LESS:
	case MARKUP_AT_SLASH:
		return in_text(m, c);
	case MARKUP_AT_BANG:
	case MARKUP_AT_DASH:
	case MARKUP_IN_COMMENT:
	case MARKUP_IN_BOGUS:
		return in_declaration(m, c);
	case MARKUP_IN_TAG:
	case MARKUP_IN_SPACE:
		return in_tag(m, c);
	case MARKUP_IN_NAME:
	case MARKUP_BEHIND_NAME:
		return in_name(m, c);
	case MARKUP_AT_VALUE:
	case MARKUP_IN_DOUBLE:
	case MARKUP_IN_SINGLE:
	case MARKUP_IN_BARE:
		return in_value(m, c);
	case MARKUP_IN_RAW:
		return in_raw(m, c);
	}
	return MARKUP_NOTHING;
}

static enum markup_event
in_text(struct markup *m, char c)
{
	bool letter = lower(c) >= 'a' && lower(c) <= 'z';

	if (letter && m->state != MARKUP_IN_TEXT) {
		m->closing = m->state == MARKUP_AT_SLASH;
		m->tag[0] = m->attr[0] = '\0';
		return begin(m, MARKUP_IN_TAG, c);
	}
	if (m->state == MARKUP_AT_SLASH)
		m->state = c == '>' ? MARKUP_IN_TEXT : MARKUP_IN_BOGUS;
	else if (m->state == MARKUP_AT_LESS && c == '/')
		m->state = MARKUP_AT_SLASH;
	else if (m->state == MARKUP_AT_LESS && c == '!')
		m->state = MARKUP_AT_BANG;
	else if (m->state == MARKUP_AT_LESS && c == '?')
		m->state = MARKUP_IN_BOGUS;
	else
		m->state = c == '<' ? MARKUP_AT_LESS : MARKUP_IN_TEXT;
	return MARKUP_NOTHING;
}

/* A comment may end with the two dashes that began it: <!--> */
static enum markup_event
in_declaration(struct markup *m, char c)
{
	if (m->state == MARKUP_IN_COMMENT) {
		if (c == '>' && m->run >= 2)
			m->state = MARKUP_IN_TEXT;
		m->run = c == '-' ? m->run + 1 : 0;
	} else if (c == '>')
		m->state = MARKUP_IN_TEXT;
	else if (m->state == MARKUP_AT_BANG && c == '-')
		m->state = MARKUP_AT_DASH;
	else if (m->state == MARKUP_AT_DASH && c == '-') {
		m->state = MARKUP_IN_COMMENT;
		m->run = 2;
	} else
		m->state = MARKUP_IN_BOGUS;
	return MARKUP_NOTHING;
}

static enum markup_event
in_tag(struct markup *m, char c)
{
	if (c == '>')
		return tag_ends(m);
	if (is_space(c) || c == '/')
		m->state = MARKUP_IN_SPACE;
	else if (m->state == MARKUP_IN_TAG)
		add(m->tag, c);
	else {
		m->attr[0] = '\0';
		return begin(m, MARKUP_IN_NAME, c);
	}
	return MARKUP_NOTHING;
}

static enum markup_event
in_name(struct markup *m, char c)
{
	if (c == '>')
		return tag_ends(m);
	if (c == '=')
		m->state = MARKUP_AT_VALUE;
	else if (c == '/')
		m->state = MARKUP_IN_SPACE;
	else if (is_space(c))
		m->state = MARKUP_BEHIND_NAME;
	else if (m->state == MARKUP_IN_NAME)
		add(m->attr, c);
	else {
		m->attr[0] = '\0';
		return begin(m, MARKUP_IN_NAME, c);
	}
	return MARKUP_NOTHING;
}

static enum markup_event
in_value(struct markup *m, char c)
{
	if (m->state == MARKUP_IN_DOUBLE || m->state == MARKUP_IN_SINGLE) {
		if (c == (m->state == MARKUP_IN_DOUBLE ? '"' : '\''))
			m->state = MARKUP_IN_SPACE;
		return MARKUP_NOTHING;
	}
	if (c == '>')
		return tag_ends(m);
	if (m->state == MARKUP_IN_BARE) {
		if (is_space(c))
			m->state = MARKUP_IN_SPACE;
		return MARKUP_NOTHING;
	}
	if (is_space(c))
		return MARKUP_NOTHING;
	return value_begins(m, c == '"' ? MARKUP_IN_DOUBLE : c == '\'' ? MARKUP_IN_SINGLE : MARKUP_IN_BARE);
}

/* Ends with </NAME and what may stand behind a tag's name. */
static enum markup_event
in_raw(struct markup *m, char c)
{
	size_t n = strlen(m->tag);

	if (m->run == n + 2 && (is_space(c) || c == '/' || c == '>')) {
		m->closing = true;
		m->state = MARKUP_IN_SPACE;
		return in_tag(m, c);
	}
	if (c == '<')
		m->run = 1;
	else if (m->run > 0 && m->run < n + 2 && lower(c) == (m->run == 1 ? '/' : m->tag[m->run - 2]))
		m->run++;
	else
		m->run = 0;
	return MARKUP_NOTHING;
}

static enum markup_event
begin(struct markup *m, enum markup_state state, char c)
{
	m->state = state;
	add(state == MARKUP_IN_TAG ? m->tag : m->attr, c);
	return MARKUP_NOTHING;
}

static enum markup_event
tag_ends(struct markup *m)
{
	bool raw = !m->closing && is_raw(m->tag);

	m->state = raw ? MARKUP_IN_RAW : MARKUP_IN_TEXT;
	m->run = 0;
	return raw && strcmp(m->tag, "script") == 0 ? MARKUP_SCRIPT : MARKUP_NOTHING;
}

static enum markup_event
value_begins(struct markup *m, enum markup_state state)
{
	m->state = state;
	return strncmp(m->attr, "on", 2) == 0 ? MARKUP_HANDLER : MARKUP_NOTHING;
}

enum markup_place
markup_place(const struct markup *m)
{
	if (m->state == MARKUP_IN_TEXT)
		return MARKUP_TEXT;
	return m->state == MARKUP_IN_DOUBLE || m->state == MARKUP_IN_SINGLE ? MARKUP_QUOTED : MARKUP_NOWHERE;
}

bool
markup_same(const struct markup *a, const struct markup *b)
{
	if (a->state != b->state)
		return false;
	if (a->state == MARKUP_IN_TEXT)
		return true;
	return strcmp(a->tag, b->tag) == 0 && a->closing == b->closing && a->run == b->run &&
	       (a->state == MARKUP_IN_SPACE || strcmp(a->attr, b->attr) == 0);
}

const char *
markup_where(const struct markup *m)
{
	switch (m->state) {
	case MARKUP_IN_TEXT:
		return "between tags";
	case MARKUP_IN_DOUBLE:
	case MARKUP_IN_SINGLE:
		return "in a quoted value";
	case MARKUP_AT_VALUE:
	case MARKUP_IN_BARE:
		return "in a value without quotes";
	case MARKUP_IN_COMMENT:
		return "in a comment";
	case MARKUP_IN_RAW:
		return strcmp(m->tag, "style") == 0 ? "in <style>" : "in <script> or its like";
	case MARKUP_AT_LESS:
	case MARKUP_AT_SLASH:
	case MARKUP_AT_BANG:
	case MARKUP_AT_DASH:
	case MARKUP_IN_BOGUS:
	case MARKUP_IN_TAG:
	case MARKUP_IN_SPACE:
	case MARKUP_IN_NAME:
	case MARKUP_BEHIND_NAME:
		break;
	}
	return "in a tag, outside of its values";
}

static void
add(char *name, char c)
{
	size_t n = strlen(name);

	if (n == MARKUP_NAME - 1)
		return;
	name[n] = lower(c);
	name[n + 1] = '\0';
}

/* Elements whose content a browser does not read as markup, or not at all. */
static bool
is_raw(const char *tag)
{
	static const char *const names[] = { "script", "style", "xmp", "iframe", "noembed", "noframes",
		"noscript", "plaintext" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(tag, names[i]) == 0)
			return true;
	return false;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

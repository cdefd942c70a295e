// Every text of the page in its language: key -> text.

export default (await import(`/texts/${document.documentElement.lang}.js`)).default;

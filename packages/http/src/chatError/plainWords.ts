/**
 * The words that error messages are made of. They say nothing about a conversation, even where it has them, too.
 */
const words = `
able about above accept accepted access account active add address after again against all allow allowed already also
although always amount and another any api apikey are argument arguments array array_above_max_length assistant attempt
attempts audio authentication authorization automatic available back bad balance base because been before begin being
below beta between billing blocked body both boolean busy but bytes call called calls can cannot capacity change characters
chat check choose code combination complete completed completion completions concurrency concurrent connection contact
contain contained contains content context continue correct could create created credit credits current currently data
date day days default delete denied deprecated detail details developer did different disabled does done down due during
each either email empty enable enabled encountered end endpoint engine error errors even every exceed exceeded exceeds
exist exists expected expired explore external extra fail failed failure false few field fields file files filter filtered
find first following for format found free from full function functions further gateway generate generated generation get
given good got had handle has have header headers help here hour hours how however html http https id if image images in
including incorrect increase information inside input instead int integer interface internal into invalid is issue issues
item items its json keep key keys language large last later left length less limit limited limits list load loaded long
longer made make management many match max maximum may mean media message messages method might min minimum minute minutes
missing model models moderation more most multiple must name need needed never new next no none normal not note null
number object occurred off old on once one only open operation option optional options or order organization other our out
output outside over overloaded page parameter parameters parse part parts passed path payload pay per permission
permissions plain plan platform please policy position possible previous probably problem process processing project
prompt property provide provided provider proxy quota range rate reach reached read reason received reduce refer refused
reject rejected remaining remove reply request requested requests require required requires resource resources response
responses result resulted results retries retry return returned role run safety same schema second seconds see seems send
sent server service session set shared short should shorten since single size slow small some something soon specified
specify spend start state status stop stream streaming string such support supported supports system take taken temporarily
temporary terms text than that the their them then there these they this those through time timed timeout times title to
today token tokens too tool tools total traffic try turn type types unable unauthorized unavailable unexpected unknown
unprocessable unrecognized unsupported until update upgrade upstream usage use used user users using valid validation value
values verify version very via wait want was way we well were what when where which while who why will with within without
word words would wrong you your
`

const known: ReadonlySet<string> = new Set(words.trim().split(/\s+/))

/**
 * Whether a word, in small letters, says nothing about a conversation: very short words and small numbers do not
 * either.
 */
export const isPlain = (word: string): boolean => known.has(word) || word.length < 3 || /^\d{1,6}$/.test(word)
